import TallyGateway
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyWire
import Testing

/// How much that is new a tenant may bring: the book by itself, a connection's machine, and a gateway.
@Suite("Newcomers")
struct NewcomerTests {
    private static let start = MonotonicInstant(nanoseconds: 1_000_000_000)
    private static let tenant = TenantID(1)

    private static func limits(labels: Int = 1_000, sessions: Int = 1_000) -> AbuseLimits {
        var limits = AbuseLimits()
        limits[.newLabelsPerHour] = labels
        limits[.newSessionsPerHour] = sessions
        return limits
    }

    // MARK: The book

    @Test("What is known costs nothing, what is new spends the tenant's budget, and no tenant spends another's")
    func budget() {
        var book = NewcomerBook(limits: Self.limits(labels: 3))
        for key in UInt64(1)...3 { #expect(book.admits(.label, key, of: Self.tenant, now: Self.start) == true) }
        #expect(book.admits(.label, 4, of: Self.tenant, now: Self.start) == false)
        for key in UInt64(1)...3 { #expect(book.admits(.label, key, of: Self.tenant, now: Self.start) == true) }
        #expect(book.admits(.label, 4, of: TenantID(2), now: Self.start) == true)
        let isSessionTaken = book.admits(.session, 4, of: Self.tenant, now: Self.start)
        #expect(isSessionTaken, "sessions have a budget of their own")
        #expect(book.knows(.label, 3, of: Self.tenant) && !book.knows(.label, 4, of: Self.tenant))
        let later = Self.start + .seconds(1_200)
        #expect(book.admits(.label, 4, of: Self.tenant, now: later) == true)
        #expect(book.admits(.label, 5, of: Self.tenant, now: later) == false)
        book.checkInvariants()
    }

    @Test("What is used again within its period stays known, and what is not is new once more")
    func memory() {
        var book = NewcomerBook(limits: Self.limits(labels: 2))
        var now = Self.start
        for key in UInt64(1)...2 { #expect(book.admits(.label, key, of: Self.tenant, now: now) == true) }
        for _ in 0..<30 {
            now = now + .seconds(80_000)
            #expect(book.admits(.label, 1, of: Self.tenant, now: now) == true)
            book.checkInvariants()
        }
        #expect(!book.knows(.label, 2, of: Self.tenant))
        #expect(book.knows(.label, 1, of: Self.tenant))
        now = now + Limits.labelMemory + Limits.labelMemory
        #expect(book.admits(.label, 3, of: Self.tenant, now: now) == true)
        #expect(!book.knows(.label, 1, of: Self.tenant))
        book.checkInvariants()
    }

    @Test("What is remembered is bounded for one tenant and for all, and makes room as it grows old")
    func bounds() {
        var book = NewcomerBook(limits: Self.limits(sessions: 1_000_000), perTenantMax: 100, most: 250)
        for tenant in UInt64(1)...5 {
            for key in UInt64(1)...200 {
                #expect(book.admits(.session, key, of: TenantID(tenant), now: Self.start) == true)
            }
            book.checkInvariants()
        }
        #expect(book.remembered == 250)
        let later = Self.start + Limits.sessionMemory + Limits.sessionMemory
        #expect(book.admits(.session, 999, of: TenantID(9), now: later) == true)
        book.checkInvariants()
        #expect(book.remembered < 250 && book.knows(.session, 999, of: TenantID(9)))
    }

    // MARK: The machine

    private static func kit(_ limits: AbuseLimits) throws -> MachineKit {
        var kit = try MachineKit()
        kit.scratch = IngestScratch(
            hashSeed: 1, gate: NewcomerGate(Newcomers(limits: limits), secret: HashKey(first: 3, second: 5)))
        return kit
    }

    private static func events(_ rows: [(session: UInt64, model: String)]) throws -> [Event] {
        try rows.enumerated().map { index, row in
            var event = try plainEvents(1, at: MachineKit.startMs - 1_000 + Int64(index), model: row.model)[0]
            event.session = try #require(SessionID(Bytes16(high: 1, low: row.session)))
            return event
        }
    }

    @Test("LABEL_LIMIT names the first run of rows with models over the limit; `unlisted` is always taken")
    func labels() throws {
        var spool = MachineKit.spool()
        var kit = try Self.kit(Self.limits(labels: 2))
        try kit.open(spool)
        let chain = spool.chain
        let rows = ["a", "b", "c", "unlisted", "c", "d", "a", "d"].map { (session: UInt64(1), model: $0) }
        var actions = kit.feed(.batch(try spool.batch(try Self.events(rows))))
        #expect(
            actions.rejects == [
                Reject(first: Sequence64(1), index: 2, run: 1, reason: .labelLimit, field: 6, retryMs: 0)
            ])
        #expect(actions.appends.isEmpty)
        spool.rewind(to: 0, chain: chain)
        let next = ["a", "b", "unlisted", "c", "c", "d", "a"].map { (session: UInt64(1), model: $0) }
        actions = kit.feed(.batch(try spool.batch(try Self.events(next))))
        #expect(
            actions.rejects == [
                Reject(first: Sequence64(1), index: 3, run: 3, reason: .labelLimit, field: 6, retryMs: 0)
            ])
        // As a workstation answers that: the run's models given up.
        spool.rewind(to: 0, chain: chain)
        let given = ["a", "b", "unlisted", "unlisted", "unlisted", "unlisted", "a"].map {
            (session: UInt64(1), model: $0)
        }
        actions = kit.feed(.batch(try spool.batch(try Self.events(given))))
        #expect(actions.rejects.isEmpty && actions.appends.count == 1)
        // Half an hour later there is room for one more.
        _ = kit.pass(.seconds(119))
        kit.now.monotonic = kit.now.monotonic + .seconds(1_681)
        actions = kit.feed(.batch(try spool.batch(try Self.events([(1, "c"), (1, "c")]))))
        #expect(actions.appends.count == 1)
        actions = kit.feed(.batch(try spool.batch(try Self.events([(1, "d")]))))
        #expect(actions.rejects.map(\.reason) == [.labelLimit])
    }

    @Test("SESSION_LIMIT puts a batch off until its tenant may begin more sessions; what was let in is not asked again")
    func sessions() throws {
        var spool = MachineKit.spool()
        var kit = try Self.kit(Self.limits(sessions: 3))
        try kit.open(spool)
        _ = kit.feed(.batch(try spool.batch(try Self.events([(1, "a"), (2, "a")]))))
        let batch = try spool.batch(try Self.events([(2, "a"), (1, "a"), (3, "a"), (4, "a"), (5, "a"), (1, "a")]))
        let late = Reject(
            first: Sequence64(3), index: 3, run: 2, reason: .sessionLimit, field: 3, retryMs: 10_000)
        #expect(!late.reason.isPermanent)
        #expect(kit.feed(.batch(batch)).rejects == [late])
        // The third session is in; each of the others comes with its twenty minutes.
        kit.now.monotonic = kit.now.monotonic + .seconds(1_200)
        #expect(kit.feed(.batch(batch)).rejects.map(\.index) == [4])
        kit.now.monotonic = kit.now.monotonic + .seconds(1_200)
        #expect(kit.feed(.batch(batch)).appends.count == 1)
        // Sessions that it has go on however many there are.
        for _ in 0..<50 {
            #expect(kit.feed(.batch(try spool.batch(try Self.events([(5, "a"), (1, "a")])))).appends.count == 1)
        }
    }

    @Test("Sessions are let by while a shard has seen few of a tenant, and looked at from there on")
    func quiet() throws {
        for isAhead in [false, true] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
            let key = HashKey(first: 3, second: 5)
            kit.scratch = IngestScratch(
                hashSeed: 1, sums: ShardSums(book: book, hashKey: key),
                gate: NewcomerGate(Newcomers(limits: Self.limits(sessions: 2)), secret: key, quietMax: 10))
            try kit.open(spool)
            var taken = 0
            for session in UInt64(1)...20 {
                var events = try Self.events([(session, "a")])
                // Counted at their receipt, and so not among the shard's sums.
                if isAhead { events[0].timeMs += 3_600_000 }
                taken += kit.feed(.batch(try spool.batch(events))).appends.count
            }
            // Nine let by and two within the budget; or two.
            #expect(taken == (isAhead ? 2 : 11))
        }
    }

    @Test("TG-6-6 Limits on what is new come before the control totals and the chain, and behind the schema")
    func order() throws {
        var spool = MachineKit.spool()
        var kit = try Self.kit(Self.limits(labels: 1))
        try kit.open(spool)
        var batch = try spool.plainBatch(try Self.events([(1, "a"), (1, "b")]))
        batch.header.controlTokens += 1
        batch.header.chainAfter = ChainValue(1)
        #expect(kit.feed(.batch(batch)).rejects.map(\.reason) == [.labelLimit])
        batch.body.removeLast()
        batch.header.rawBytes -= 1
        #expect(kit.feed(.batch(batch)).rejects.map(\.reason) == [.malformed])
    }

    @Test("A gateway's connections share one budget of a tenant, and the metrics tell of what is turned away")
    func wire() throws {
        let rig = try Rig(starts: false)
        try rig.start(environment: ["TALLYGATE_NEW_LABELS_PER_HOUR": "2"])
        let first = try rig.peer()
        var one = Spool(token: try rig.enroll("acme", "one"))
        try first.open(one.hello())
        first.send(.batch(try one.batch(plainEvents(2, model: "model-a"))))
        try first.ack(through: 2)
        let second = try rig.peer()
        var two = Spool(token: try rig.enroll("acme", "two"))
        try second.open(two.hello())
        second.send(.batch(try two.batch(plainEvents(2, model: "model-b"))))
        try second.ack(through: 2)
        second.send(.batch(try two.batch(plainEvents(2, model: "model-c"))))
        let reject = try second.reject()
        #expect(reject.reason == .labelLimit && reject.index == 0 && reject.run == 2 && reject.field == 6)
        // Its twin knows what the other brought.
        first.send(.batch(try one.batch(plainEvents(2, model: "model-b"))))
        try first.ack(through: 4)
        #expect(rig.metrics.value(.labelsLimited) == 1)
    }
}
