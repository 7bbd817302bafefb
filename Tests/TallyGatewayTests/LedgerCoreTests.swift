import TallyGateway
import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import TestDisk
import Testing

/// The appender by itself, on disks that lie.
@Suite("Appender")
struct LedgerCoreTests {
    @Test("An acknowledgement never leaves before the barrier that covers it", arguments: [1, 6])
    func ackAfterBarrier(tenants: Int) throws {
        for seed in UInt64(1)...60 {
            let rig = try CoreRig(seed: seed, tenants: tenants)
            var random = SeededRandom(seed &* 77)
            let spools = rig.tenants.enumerated().map { CoreSpool($1, connection: UInt64($0 + 1)) }
            for spool in spools { try rig.claim(spool) }
            var told = [UInt64](repeating: 0, count: tenants)
            for _ in 0..<(1 + random.below(12)) {
                for spool in spools where random.chance(70) {
                    rig.take(random.chance(80) ? try spool.batch(1 + random.below(40)) : try spool.skip(3))
                }
                #expect(rig.core.takeNews().isEmpty, "nothing is said before the barrier, seed \(seed)")
                if random.chance(20) { break }
                let news = rig.commit()
                for (index, spool) in spools.enumerated() {
                    told[index] = news.committed(spool.connection) ?? told[index]
                }
            }
            for disk in rig.disks { disk.losePower() }
            rig.open()
            for (index, spool) in spools.enumerated() {
                let stream = rig.core.streams(of: spool.tenant).values.first
                let sequence = stream?.sequence.value ?? 0
                #expect(sequence >= told[index], "seed \(seed)")
                #expect(sequence <= spool.last, "seed \(seed)")
                #expect(stream?.chain == spool.chains[Int(sequence)], "seed \(seed)")
            }
        }
    }

    @Test("A failed barrier ends the appender: nothing is acknowledged, and nothing more is taken", arguments: [1, 5])
    func failedBarrier(tenants: Int) throws {
        let rig = try CoreRig(tenants: tenants)
        let spools = rig.tenants.enumerated().map { CoreSpool($1, connection: UInt64($0 + 1)) }
        for spool in spools { try rig.claim(spool) }
        for spool in spools { rig.take(try spool.batch(5)) }
        // Its predecessor is superseded: news that are thrown away with the rest of the round.
        rig.take(.claim(CoreSpool(rig.tenants[0], connection: 99).request()))
        if tenants > 3 { rig.barrier.failNext() } else { rig.disks[0].failSync(after: 1) }
        #expect(rig.commit().isEmpty)
        let reason = try #require(rig.core.failure)
        // Whose page was lost is known only where the segment was synced by itself.
        #expect(reason.contains("tenant t1") == (tenants == 1), "\(reason)")
        #expect(rig.notes.contains { if case .fatal = $0 { true } else { false } })
        rig.take(try spools[0].batch(5))
        rig.take(.claim(spools[0].request()))
        #expect(rig.commit().isEmpty)
        // Readable, and not on the disk: what recovery writes again is what may be promised.
        for disk in rig.disks { disk.kill() }
        rig.open()
        for disk in rig.disks { disk.losePower() }
        rig.open()
        let sequences = rig.tenants.map { rig.core.streams(of: $0.id).values.first?.sequence.value }
        #expect(sequences == [UInt64?](repeating: 5, count: tenants))
    }

    @Test("A newer claim fences the older connection: it hears so, and its late batch is not appended")
    func fencing() throws {
        let rig = try CoreRig()
        let old = CoreSpool(rig.tenants[0], connection: 1)
        let first = try rig.claim(old)
        rig.take(try old.batch(4))
        let new = CoreSpool(rig.tenants[0], connection: 2)
        rig.take(.claim(new.request()))
        rig.take(try old.batch(3))
        let news = rig.commit()
        #expect(news.told(old.connection) == [.superseded])
        guard case .claimed(let claim, let ticket)? = news.told(new.connection).last else {
            Issue.record("no claim in \(news)")
            return
        }
        // What was appended before the claim is committed, and nothing after it.
        #expect(claim.committed.sequence.value == 4)
        #expect(claim.generation > first.generation)
        #expect(rig.core.streams(of: new.tenant)[ticket.number]?.sequence.value == 4)
    }

    @Test("A claim's answer waits for the barrier that covers what its predecessor appended")
    func claimWaits() throws {
        let rig = try CoreRig()
        let old = CoreSpool(rig.tenants[0], connection: 1)
        try rig.claim(old)
        rig.take(try old.batch(4))
        let new = CoreSpool(rig.tenants[0], connection: 2)
        rig.take(.claim(new.request()))
        #expect(rig.core.takeNews().told(new.connection).isEmpty)
        #expect(!rig.commit().told(new.connection).isEmpty)
    }

    @Test("A batch or skip that would overflow the tenant's totals is refused before the append, and never traps")
    func overflow() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        // The appender believes the header: whoever decoded the batch has compared it with the rows.
        guard case .append(var near) = try spool.batch(1) else { return }
        near.header.controlTokens = Limits.workstationTotalMax - 10
        rig.take(.append(near))
        rig.take(try spool.batch(1))
        spool.rewind(to: 1)
        let huge = SkipGroup(
            model: nil, events: .max, tokenClasses: [UInt64](repeating: .max, count: 7), reportedNanoUSD: .max)
        rig.take(try spool.skip(2, groups: [huge, huge]))
        spool.rewind(to: 1)
        let refused = rig.commit().told(spool.connection)
        #expect(
            refused == [
                .refused(first: Sequence64(2), RunRefusal(reason: .overflow, run: 1)),
                .refused(first: Sequence64(2), RunRefusal(reason: .overflow, run: 2)),
                .committed(GatewaySession.Cursor(sequence: Sequence64(1), chain: spool.chains[1])),
            ])
        let stream = rig.core.streams(of: spool.tenant).values.first
        #expect(stream?.totals.tokens == UInt128(Limits.workstationTotalMax - 10))
        // What still fits is taken.
        rig.take(try spool.skip(1))
        #expect(rig.commit().committed(spool.connection) == 2)
    }

    @Test("A stream idle past its retention keeps its cursor, though every segment that named it is gone")
    func idleStream() throws {
        let rig = try CoreRig()
        let idle = CoreSpool(rig.tenants[0], stream: 1, connection: 1)
        let busy = CoreSpool(rig.tenants[0], stream: 2, connection: 2)
        try rig.claim(idle)
        rig.take(try idle.batch(9))
        rig.take(try idle.skip(2))
        rig.commit()
        try rig.claim(busy)
        rig.advance(.seconds(400 * 86_400))
        for _ in 0..<40 {
            rig.take(try busy.batch(100))
            rig.commit()
        }
        let segments = try rig.disks[0].listFiles()
        try #require(segments.count > 3, "\(segments)")
        #expect(rig.core.close().isEmpty)
        // What retention does: the leading segments go.
        for name in segments.dropLast() { rig.disks[0].remove(name) }
        rig.open()
        let again = CoreSpool(rig.tenants[0], stream: 1, connection: 3)
        let claim = try rig.claim(again)
        #expect(claim.committed.sequence.value == 11)
        #expect(claim.committed.chain == idle.chains[11])
        #expect(claim.committed.totals.tokens == 9 * 1_100)
    }

    @Test("A gap is told of when it is durable, and not when it is turned away")
    func gaps() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        func gaps() -> Int { rig.notes.count { if case .gapRecorded = $0 { true } else { false } } }
        guard case .skip(var stale) = try spool.skip(3) else { return }
        stale.chainBefore = ChainValue(99)
        rig.take(.skip(stale))
        rig.commit()
        #expect(gaps() == 0)
        spool.rewind(to: 0)
        rig.take(try spool.skip(3))
        #expect(rig.core.takeNotes().isEmpty)
        rig.commit()
        #expect(gaps() == 1)
    }

    @Test(
        "A tenant that is retired: what it appended is acknowledged, its connections end, and nothing more is appended")
    func retire() throws {
        let rig = try CoreRig(tenants: 2)
        let going = CoreSpool(rig.tenants[0], stream: 1, connection: 1)
        let staying = CoreSpool(rig.tenants[1], stream: 1, connection: 2)
        let waiting = CoreSpool(rig.tenants[0], stream: 2, connection: 3)
        try rig.claim(going)
        try rig.claim(staying)
        rig.take(try going.batch(5))
        rig.take(.claim(waiting.request()))
        rig.take(.retire(going.tenant))
        rig.take(try going.batch(5))
        rig.take(try staying.batch(5))
        let news = rig.commit()
        #expect(
            news.told(going.connection) == [
                .committed(GatewaySession.Cursor(sequence: Sequence64(5), chain: going.chains[5])),
                .ended(.tenantUnavailable, reconnectMs: 60_000),
            ])
        #expect(news.told(waiting.connection) == [.claimFailed(.tenantUnavailable, reconnectMs: 60_000)])
        #expect(news.committed(staying.connection) == 5)
        #expect(rig.core.tenantCount == 1)
        #expect(rig.board[going.tenant] == nil)
        #expect(rig.notes.contains { if case .retired(going.tenant) = $0 { true } else { false } })
        rig.take(.claim(waiting.request()))
        #expect(rig.commit().told(waiting.connection) == [.claimFailed(.tenantUnavailable, reconnectMs: 60_000)])
        rig.disks[0].losePower()
        rig.open()
        #expect(rig.core.streams(of: going.tenant).values.map(\.sequence.value).max() == 5)
    }

    @Test("Only a few tenants are synced one by one, and all of them for a while after an unclean stop")
    func barriers() throws {
        let rig = try CoreRig(tenants: 5)
        let spools = rig.tenants.enumerated().map { CoreSpool($1, connection: UInt64($0 + 1)) }
        for spool in spools { rig.take(.claim(spool.request())) }
        for (connection, item) in rig.commit() {
            if case .claimed(_, let ticket) = item { spools[Int(connection.number) - 1].ticket = ticket }
        }
        #expect(rig.barrier.count == 1)
        for spool in spools.prefix(3) { rig.take(try spool.batch(2)) }
        rig.commit()
        #expect(rig.barrier.count == 1)
        for spool in spools { rig.take(try spool.batch(2)) }
        rig.commit()
        #expect(rig.barrier.count == 2)
        for disk in rig.disks { disk.kill() }
        rig.open()
        for spool in spools { rig.take(.claim(spool.request())) }
        rig.take(.claim(CoreSpool(rig.tenants[0], stream: 9, connection: 9).request()))
        for (connection, item) in rig.commit() {
            if case .claimed(_, let ticket) = item, connection.number <= 5 {
                spools[Int(connection.number) - 1].ticket = ticket
            }
        }
        for spool in spools { rig.take(try spool.batch(2)) }
        let news = rig.commit()
        #expect(spools.allSatisfy { news.committed($0.connection) == $0.last })
        #expect(rig.barrier.count == 2)
        #expect(rig.core.close().isEmpty)
        rig.open()
        for spool in spools { try rig.claim(spool) }
        for spool in spools { rig.take(try spool.batch(2)) }
        rig.commit()
        #expect(rig.barrier.count == 3)
    }

    @Test("Acknowledged data that is missing raises the epoch, durably, before the claim is answered")
    func raiseEpoch() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        let before = try rig.claim(spool)
        rig.take(.raiseEpoch(spool.request()))
        guard case .claimed(let claim, _)? = rig.commit().told(spool.connection).last else {
            Issue.record("no claim")
            return
        }
        #expect(claim.storeEpoch != before.storeEpoch)
        #expect(rig.epochs == [claim.storeEpoch])
        rig.disks[0].losePower()
        rig.open()
        #expect(try rig.claim(spool).storeEpoch == claim.storeEpoch)
        // A connection that no longer holds its stream raises nothing.
        let newer = CoreSpool(rig.tenants[0], connection: 2)
        try rig.claim(newer)
        rig.take(.raiseEpoch(spool.request()))
        rig.commit()
        #expect(rig.epochs.count == 1)
    }

    @Test("A workstation raises its tenant's epoch once in ten minutes at most")
    func raiseEpochSeldom() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        func raise() throws -> LedgerNews? {
            try rig.claim(spool)
            rig.take(.raiseEpoch(spool.request()))
            return rig.commit().told(spool.connection).last
        }
        _ = try raise()
        #expect(rig.epochs.count == 1)
        rig.advance(.seconds(200))
        #expect(try raise() == .claimFailed(.overloaded, reconnectMs: 400_000))
        #expect(rig.epochs.count == 1)
        rig.advance(.seconds(400))
        guard case .claimed? = try raise() else {
            Issue.record("no claim after ten minutes")
            return
        }
        #expect(rig.epochs.count == 2)
    }

    @Test("The same seed gives the same news and the same bytes on the disks")
    func sameTrace() throws {
        func run() throws -> ([String], [[String: [UInt8]]]) {
            let rig = try CoreRig(seed: 42, tenants: 6)
            var random = SeededRandom(7)
            var trace: [String] = []
            let spools = (0..<12).map { CoreSpool(rig.tenants[$0 % 6], stream: UInt64($0), connection: UInt64($0 + 1)) }
            for spool in spools { try rig.claim(spool) }
            for _ in 0..<30 {
                for spool in spools where random.chance(60) { rig.take(try spool.batch(1 + random.below(30))) }
                if random.chance(10) { rig.take(.revoke(WorkstationID(3))) }
                rig.core.measured(freeBytes: random.chance(20) ? 1 : 50, totalBytes: 100)
                trace += rig.commit().map { "\($0.0) \($0.1)" }
                rig.advance(.seconds(1))
            }
            return (trace, rig.disks.map { $0.snapshot() })
        }
        let first = try run()
        let second = try run()
        #expect(first.0 == second.0 && first.0.count > 100)
        #expect(first.1 == second.1)
    }
}
