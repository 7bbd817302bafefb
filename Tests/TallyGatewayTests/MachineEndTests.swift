import TallyGateway
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import Testing

/// How a connection's machine ends, and that it leaves nothing behind.
@Suite("Ingest machine, ending")
struct MachineEndTests {
    @Test("A token revoked in the middle of a batch ends its connection, and the rest of the batch is not read")
    func revoked() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool)
        let first = try spool.batch(plainEvents(4, at: MachineKit.startMs))
        #expect(kit.feed(.batch(first)).appends.count == 1)
        #expect(kit.commit(spool).acks.count == 1)
        let bytes = FrameCodec.encode(.batch(try spool.batch(plainEvents(4, at: MachineKit.startMs))))
        #expect(kit.feed(Array(bytes[..<30])).isEmpty)
        let end = kit.hear(.revoked)
        #expect(end.goaways.map(\.reason) == [.revoked])
        #expect(end.goaways.map(\.committed.value) == [4], "what was acknowledged stays")
        #expect(end.ends == [.refused] && end.notes == [.streamLeft])
        #expect(kit.feed(Array(bytes[30...])).isEmpty)
        #expect(kit.commit(spool).isEmpty, "nothing is acknowledged to a token that is no longer good")
        #expect(kit.machine.deadline == nil)
        #expect(kit.closed().releases.count == 1)
    }

    @Test("A token revoked while its stream is claimed is not welcomed")
    func revokedBeforeClaim() throws {
        let spool = MachineKit.spool()
        var kit = try MachineKit()
        #expect(kit.feed(.hello(spool.hello())).requests.count == 1)
        kit.directory.replace(by: try MachineKit.snapshot(isRevoked: true))
        let actions = kit.hear(.claimed(MachineKit.claim(spool.stream), MachineKit.ticket))
        #expect(actions.goaways.map(\.reason) == [.revoked] && actions.frames.count == 1)
        #expect(kit.closed().releases.count == 1)
        var next = try MachineKit()
        next.directory.replace(by: try MachineKit.snapshot(isRevoked: true))
        #expect(next.feed(.hello(spool.hello())).goaways.map(\.reason) == [.revoked])
    }

    @Test("A stream that is claimed is released once when its connection goes, whatever came between")
    func released() throws {
        let spool = MachineKit.spool()
        let endings: [[LedgerNews]] = [
            [], [.claimed(MachineKit.claim(spool.stream), MachineKit.ticket)],
            [.claimed(MachineKit.claim(spool.stream), MachineKit.ticket), .superseded],
            [.claimFailed(.storage, reconnectMs: 5_000)],
            [
                .claimed(MachineKit.claim(spool.stream), MachineKit.ticket),
                .ended(.tenantUnavailable, reconnectMs: 60_000), .revoked,
            ],
        ]
        for news in endings {
            var kit = try MachineKit()
            let request = try #require(kit.feed(.hello(spool.hello())).requests.first)
            var actions: [IngestAction] = []
            for one in news { actions += kit.hear(one) }
            actions += kit.closed()
            #expect(actions.releases == [request], "\(news)")
            #expect(actions.ends.count <= 1 && actions.goaways.count <= 1)
            let opened = actions.notes.count { if case .streamOpened = $0 { true } else { false } }
            #expect(actions.notes.count { $0 == .streamLeft } == opened, "\(news)")
            #expect(kit.hear(.superseded).isEmpty && kit.hear(.closed).isEmpty, "it is gone")
        }
    }

    @Test("A claim that is answered after a shutdown has said GOAWAY is given back, once")
    func claimedTooLate() throws {
        let spool = MachineKit.spool()
        var kit = try MachineKit()
        let request = try #require(kit.feed(.hello(spool.hello())).requests.first)
        var actions: [IngestAction] = []
        kit.machine.shutdown(now: kit.now, into: &actions)
        #expect(actions.goaways.map(\.reason) == [.shutdown])
        let late = kit.hear(.claimed(MachineKit.claim(spool.stream), MachineKit.ticket))
        #expect(late.releases == [request] && late.frames.isEmpty)
        #expect(kit.closed().isEmpty)
    }

    @Test("A stream that is lost while its CLOSE waits ends its connection")
    func closeLost() throws {
        for news in [LedgerNews.superseded, .revoked, .ended(.storage, reconnectMs: 1), .closed] {
            let spool = MachineKit.spool()
            var kit = try MachineKit()
            try kit.open(spool)
            let actions = kit.feed(.close(final: .zero))
            #expect(actions.acks.count == 1 && actions.commands.count == 1 && actions.ends.isEmpty)
            #expect(kit.hear(news).ends.count == 1, "\(news)")
            #expect(kit.hear(news).ends.isEmpty)
        }
    }

    @Test("A shutdown acknowledges what was taken, then says GOAWAY; without an answer it ends at its deadline")
    func shutdown() throws {
        for isAnswered in [true, false] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            try kit.open(spool)
            _ = kit.feed(.batch(try spool.batch(plainEvents(4, at: MachineKit.startMs))))
            var actions: [IngestAction] = []
            kit.machine.shutdown(now: kit.now, into: &actions)
            #expect(actions.isEmpty && kit.machine.deadline == kit.now.monotonic + Limits.drainTimeout)
            actions = isAnswered ? kit.commit(spool) : kit.pass(Limits.drainTimeout)
            #expect(actions.acks.map(\.committed.value) == (isAnswered ? [4] : []))
            #expect(actions.goaways.map(\.reason) == [.shutdown] && actions.ends == [.refused])
            #expect(actions.goaways.map(\.committed.value) == [isAnswered ? 4 : 0])
        }
    }

    @Test("Silence ends a connection at the machine's deadline and not before")
    func silence() throws {
        var kit = try MachineKit()
        #expect(kit.pass(Limits.helloTimeout - .milliseconds(1)).isEmpty)
        #expect(kit.pass(.milliseconds(1)).goaways.map(\.reason) == [.timeout])
        let spool = MachineKit.spool()
        kit = try MachineKit()
        try kit.open(spool)
        #expect(kit.pass(Limits.idleTimeout - .seconds(1)).isEmpty)
        _ = kit.feed(.ping(opaque: 1))
        #expect(kit.pass(.seconds(2)).isEmpty, "a PING keeps it")
        #expect(kit.pass(Limits.idleTimeout).goaways.map(\.reason) == [.idle])
    }

    @Test(
        "An adoption's answer goes out whole, one question waits at a time, and an answer that comes late says nothing")
    func adoption() throws {
        let spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool, MachineKit.claim(spool.stream, allowsAdoption: true))
        let session = try #require(SessionID(Bytes16(high: 1, low: 1)))
        let told = Adopt(prior: spool.stream, priorThrough: Sequence64(3), fromMs: 4, sessions: [session])
        let frames = [
            Adopted(count: 1, nextMs: .max, body: [1], isLast: false),
            Adopted(count: 0, nextMs: .max, body: [], isLast: true),
        ]
        for _ in 0..<2 {
            let asked = kit.feed(.adopt(told))
            guard case .adopt(let ticket, let question, _)? = asked.commands.first else {
                throw PeerFailure(description: "no question: \(asked)")
            }
            #expect(ticket == MachineKit.ticket && question == told)
            #expect(kit.hear(.adopted(frames)).frames == frames.map { .adopted($0) })
        }
        _ = kit.feed(.adopt(told))
        #expect(kit.feed(.adopt(told)).goaways.map(\.reason) == [.protocol])
        #expect(kit.hear(.adopted(frames)).frames.isEmpty)
    }

    @Test("Refused batches end a connection when they come in a flood, and not when they come now and then")
    func refusals() throws {
        for wait in [Duration.zero, Limits.refusedBatchInterval] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            try kit.open(spool)
            var batch = try spool.batch(plainEvents(2, at: MachineKit.startMs))
            batch.header.controlTokens += 1
            var ends = 0
            var count = 0
            while ends == 0, count < 2 * Limits.refusedBatchesMax {
                let actions = kit.feed(.batch(batch))
                count += 1
                #expect(actions.rejects.map(\.reason) == [.controlTotal])
                ends = actions.goaways.count { $0.reason == .protocol }
                #expect(kit.pass(wait).isEmpty)
            }
            #expect(ends == (wait == .zero ? 1 : 0))
            #expect(count == (wait == .zero ? Limits.refusedBatchesMax + 1 : 2 * Limits.refusedBatchesMax))
        }
    }

    @Test("A column named as content is noted once a connection, however often it is sent")
    func contentNotes() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool)
        var notes: [IngestNote] = []
        for column in [130, 131, 130, 131, 130] as [UInt8] {
            var batch = try spool.batch(plainEvents(2, at: MachineKit.startMs))
            spool.rewind(to: 0, chain: Chain.initial(spool.stream))
            batch.body = try spool.raw(plainEvents(2, at: MachineKit.startMs)) + [0, column, 7, 7, 7]
            batch.header.isLZ4 = false
            batch.header.rawBytes = UInt32(batch.body.count)
            let actions = kit.feed(.batch(batch))
            #expect(actions.rejects.map(\.reason) == [.contentField])
            notes += actions.notes.filter { if case .contentRejected = $0 { true } else { false } }
        }
        #expect(notes == [.contentRejected(column: 130), .contentRejected(column: 131)])
    }

    @Test(
        "Content that is sent again and again leaves one audit row a workstation, column and hour, within its tenant's bound"
    )
    func contentQuota() {
        var quota = ContentQuota()
        let hour: Int64 = 3_600_000
        func admits(_ column: UInt8, tenant: UInt64 = 1, _ workstation: UInt64, atMs: Int64) -> Bool {
            quota.admits(
                column: column,
                from: TokenHolder(tenant: TenantID(tenant), workstation: WorkstationID(workstation)), atMs: atMs)
        }
        let first = [admits(130, 1, atMs: hour), admits(130, 1, atMs: 2 * hour - 1)]
        #expect(first == [true, false])
        let others = [admits(131, 1, atMs: hour), admits(130, 2, atMs: hour), admits(130, 1, atMs: 2 * hour)]
        #expect(others == [true, true, true], "another column, another workstation, another hour")
        let admitted = (0..<10_000 as Range<UInt64>).count { admits(140, 100 + $0, atMs: 2 * hour) }
        #expect(admitted == Limits.contentRowsPerTenantHourMax - 1)
        let isOtherFree = admits(130, tenant: 2, 9, atMs: 2 * hour)
        #expect(isOtherFree, "one tenant takes nothing from another")
    }
}
