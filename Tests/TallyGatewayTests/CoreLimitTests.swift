import TallyGateway
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import TestDisk
import Testing

/// What one tenant, and one workstation of it, may take of the appender.
@Suite("Appender: limits")
struct CoreLimitTests {
    private func claim(_ rig: CoreRig, _ spool: CoreSpool) -> [LedgerNews] {
        rig.take(.claim(spool.request()))
        return rig.commit().told(spool.connection)
    }

    private func isClaimed(_ news: [LedgerNews]) -> Bool {
        news.contains { if case .claimed = $0 { true } else { false } }
    }

    @Test("A tenant has no more connections than it may, a takeover is none, and one that leaves makes room")
    func connections() throws {
        var limits = AbuseLimits()
        limits[.connectionsPerTenant] = 2
        let rig = try CoreRig(tenants: 2, limits: limits)
        let spools = (1...3).map { CoreSpool(rig.tenants[0], stream: $0, connection: $0) }
        #expect(isClaimed(claim(rig, spools[0])) && isClaimed(claim(rig, spools[1])))
        #expect(claim(rig, spools[2]) == [.claimFailed(.overloaded, reconnectMs: 0)])
        // What a turned-away claim named was not made.
        #expect(rig.core.streams(of: rig.tenants[0].id).count == 2)
        let again = CoreSpool(rig.tenants[0], stream: 1, connection: 11)
        #expect(isClaimed(claim(rig, again)))
        let elsewhere = CoreSpool(rig.tenants[1], stream: 1, connection: 21)
        #expect(isClaimed(claim(rig, elsewhere)), "another tenant's are its own")
        rig.take(.release(spools[1].request()))
        #expect(isClaimed(claim(rig, spools[2])))
        // A stream that is known is turned away as well.
        let known = CoreSpool(rig.tenants[0], stream: 2, connection: 12)
        #expect(claim(rig, known) == [.claimFailed(.overloaded, reconnectMs: 0)])
    }

    @Test("A tenant begins no more streams in an hour than it may; those that it has are welcome")
    func streams() throws {
        var limits = AbuseLimits()
        limits[.newStreamsPerHour] = 3
        let rig = try CoreRig(limits: limits)
        for number in UInt64(1)...3 {
            #expect(isClaimed(claim(rig, CoreSpool(rig.tenants[0], stream: number, connection: number))))
        }
        let fourth = CoreSpool(rig.tenants[0], stream: 4, connection: 4)
        #expect(claim(rig, fourth) == [.claimFailed(.overloaded, reconnectMs: 1_200_000)])
        #expect(isClaimed(claim(rig, CoreSpool(rig.tenants[0], stream: 2, connection: 12))))
        rig.advance(.seconds(1_199))
        #expect(!isClaimed(claim(rig, fourth)))
        rig.advance(.seconds(1))
        #expect(isClaimed(claim(rig, fourth)))
    }

    /// Has an event given up that says it held `tokens`; whether it could have is for the session to say.
    private func skip(
        _ rig: CoreRig, _ spool: CoreSpool, tokens: UInt64, reason: SkipReason = .poison
    ) throws -> [LedgerNews] {
        let group = SkipGroup(
            model: nil, events: 1, tokenClasses: [tokens, 0, 0, 0, 0, 0, 0], reportedNanoUSD: 0)
        guard case .skip(var append) = try spool.skip(1, groups: [group]) else { return [] }
        append.skip.reason = reason
        rig.take(.skip(append))
        return rig.commit().told(spool.connection)
    }

    @Test("A workstation that has used up its part is refused in every stream of its own; the tenant's others are not")
    func shares() throws {
        let rig = try CoreRig()
        let greedy = CoreSpool(rig.tenants[0], stream: 1, connection: 1)
        try rig.claim(greedy)
        let most = Limits.workstationTotalMax
        #expect(try skip(rig, greedy, tokens: most - 10).count == 1)
        #expect(rig.core.streams(of: greedy.tenant).values.first?.totals.tokens == UInt128(most - 10))
        // The same workstation in another stream.
        let second = CoreSpool(rig.tenants[0], stream: 2, connection: 2, workstation: 1)
        try rig.claim(second)
        rig.take(try second.batch(1))
        #expect(
            rig.commit().told(second.connection)
                == [.refused(first: Sequence64(1), RunRefusal(reason: .overflow, run: 1))])
        second.rewind(to: 0)
        // What it gives up for that reason is a gap without sums.
        #expect(try skip(rig, second, tokens: 1_000, reason: .overflow).count == 1)
        let gap = rig.core.streams(of: greedy.tenant).values.first { $0.number == 2 }
        #expect(gap?.gapEvents == 1 && gap?.totals == .zero)
        let other = CoreSpool(rig.tenants[0], stream: 3, connection: 3)
        try rig.claim(other)
        rig.take(try other.batch(5))
        #expect(rig.commit().committed(other.connection) == 5)
        // A process that is started anew knows it from the ledger.
        for disk in rig.disks { disk.kill() }
        rig.open()
        let again = CoreSpool(rig.tenants[0], stream: 4, connection: 4, workstation: 1)
        try rig.claim(again)
        rig.take(try again.batch(1))
        #expect(
            rig.commit().told(again.connection)
                == [.refused(first: Sequence64(1), RunRefusal(reason: .overflow, run: 1))])
    }

    @Test("A stream that goes over to a workstation enrolled anew takes its part along")
    func movedShare() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0], stream: 1, connection: 1)
        try rig.claim(spool)
        #expect(try skip(rig, spool, tokens: Limits.workstationTotalMax - 10).count == 1)
        let heir = CoreSpool(rig.tenants[0], stream: 1, connection: 2, workstation: 50)
        var request = heir.request()
        request.replaced = [WorkstationID(1)]
        rig.take(.claim(request))
        #expect(isClaimed(rig.commit().told(heir.connection)))
        // Its first owner has room again, in a stream of its own, and the heir has none.
        let before = CoreSpool(rig.tenants[0], stream: 7, connection: 7, workstation: 1)
        try rig.claim(before)
        rig.take(try before.batch(3))
        #expect(rig.commit().committed(before.connection) == 3)
        let heirs = CoreSpool(rig.tenants[0], stream: 8, connection: 8, workstation: 50)
        try rig.claim(heirs)
        rig.take(try heirs.batch(1))
        #expect(
            rig.commit().told(heirs.connection)
                == [.refused(first: Sequence64(1), RunRefusal(reason: .overflow, run: 1))])
    }
}
