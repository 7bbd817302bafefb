import TallyModel
import TallyProtocol
import TallyWire
import Testing

@Suite("Resuming")
struct ResumeTests {
    /// Says HELLO for `view` and hears `welcome`.
    static func begin(_ view: SpoolView, _ welcome: Welcome) -> (WorkstationSession, WorkstationAction) {
        var session = WorkstationSession(view: view)
        _ = session.hello(clockMs: 5_000, credential: .mutualTLS, now: Samples.start, random: 1)
        let action = session.hear(.welcome(welcome))
        return (session, action)
    }

    /// The plan that follows, with the spool's own chain values.
    static func plan(_ view: SpoolView, _ welcome: Welcome) -> ResumePlan? {
        var (session, action) = begin(view, welcome)
        if case .needChain(let sequence) = action {
            action = session.chain(at: sequence, value: Samples.chain(sequence.value))
        }
        guard case .proceed(let plan) = action else { return nil }
        return plan
    }

    @Test("Equal chains go on behind committed, also where an ACK was lost")
    func proceeds() {
        for (committed, acknowledged) in [(UInt64(0), UInt64(0)), (40, 40), (60, 40), (100, 40)] {
            let plan = Self.plan(
                Samples.view(acknowledged: acknowledged, epoch: 1), Samples.welcome(committed: committed))
            #expect(plan?.first == Sequence64(committed + 1))
            #expect(plan?.lost == nil && plan?.trimmed == nil && plan?.isProven == true && plan?.isOtherEpoch == false)
        }
    }

    @Test("Committed behind acknowledged rewinds and is no fork")
    func rewinds() {
        let plan = Self.plan(Samples.view(acknowledged: 80, epoch: 1), Samples.welcome(committed: 50, epoch: 2))
        #expect(plan?.first == Sequence64(51) && plan?.isOtherEpoch == true)
        #expect(plan?.lost == Sequence64(51)...Sequence64(80) && plan?.trimmed == nil)
    }

    @Test("What is no longer held is given up with the difference of the totals")
    func trimmed() {
        var (session, action) = Self.begin(
            Samples.view(lowest: 71, acknowledged: 80, epoch: 1), Samples.welcome(committed: 50, epoch: 2))
        #expect(action == .needChain(at: Sequence64(50)))
        action = session.chain(at: Sequence64(50), value: nil)
        guard case .proceed(let plan) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(!plan.isProven && plan.trimmed == Sequence64(51)...Sequence64(70))
        let skip = plan.trimmedSkip(chainAfter: Samples.chain(70), totalsAfter: Samples.cursor(70).totals)
        #expect(skip?.first == Sequence64(51) && skip?.last == Sequence64(70) && skip?.reason == .trimmed)
        #expect(skip?.groups.first?.tokenClasses == [200, 0, 0, 0, 0, 0, 0] && skip?.groups.first?.events == 20)
        #expect(plan.trimmedSkip(chainAfter: Samples.chain(70), totalsAfter: .zero) == nil)
    }

    @Test("A spool that ends before committed is a snapshot: a new stream follows it")
    func rolledBack() {
        var (session, action) = Self.begin(Samples.view(highest: 100), Samples.welcome(committed: 200))
        #expect(action == .send(.probe(sequence: Sequence64(100))))
        action = session.hear(.chain(sequence: Sequence64(100), value: Samples.chain(100)))
        #expect(action == .openNewStream(after: Sequence64(100), cause: .rolledBack))
    }

    @Test("A snapshot that the gateway can no longer compare offers again what was never acknowledged")
    func rolledBackUnknown() {
        var (session, action) = Self.begin(
            Samples.view(lowest: 31, highest: 100, acknowledged: 60), Samples.welcome(committed: 200))
        #expect(action == .send(.probe(sequence: Sequence64(100))))
        action = session.hear(.chain(sequence: Sequence64(100), value: nil))
        #expect(action == .openNewStream(after: Sequence64(60), cause: .rolledBack))
    }

    @Test("The common prefix of a fork is found by PROBE, whatever its length, in at most ⌈log₂⌉ steps")
    func fork() {
        for prefix in UInt64(0)..<100 {
            let (after, probes) = Self.search(lowest: 1, prefix: prefix, knownFrom: 0)
            #expect(after == Sequence64(prefix) && probes <= 7, "prefix \(prefix): \(probes)")
        }
    }

    @Test("Where the gateway no longer tells, nothing is taken for common that is not proven")
    func forkUnknown() {
        for prefix in UInt64(20)..<100 {
            let (after, _) = Self.search(lowest: 11, prefix: prefix, knownFrom: 60)
            #expect(after == Sequence64(prefix >= 60 ? prefix : 10), "prefix \(prefix): \(String(describing: after))")
        }
    }

    /// A spool of `lowest` … 100 that shares `prefix` events with a gateway whose ledger tells chain values from
    /// `knownFrom` on.
    static func search(lowest: UInt64, prefix: UInt64, knownFrom: UInt64) -> (Sequence64?, Int) {
        func theirs(_ sequence: UInt64) -> ChainValue {
            ChainValue(sequence <= prefix ? Samples.chain(sequence).value : 1)
        }
        var welcome = Samples.welcome(committed: 100)
        welcome.committed.chain = theirs(100)
        var (session, action) = begin(Samples.view(lowest: lowest), welcome)
        for probes in 0..<200 {
            switch action {
            case .send(.probe(let sequence)):
                let value = sequence.value >= knownFrom ? theirs(sequence.value) : nil
                action = session.hear(.chain(sequence: sequence, value: value))
                if case .needChain(let same) = action {
                    action = session.chain(at: same, value: Samples.chain(same.value))
                }
            case .openNewStream(let after, .forked): return (after, probes)
            default:
                Issue.record("\(action)")
                return (nil, probes)
            }
        }
        return (nil, 200)
    }

    @Test("A WELCOME with impossible numbers is a violation")
    func badWelcome() {
        var cases: [Welcome] = []
        func add(_ change: (inout Welcome) -> Void) {
            var welcome = Samples.welcome()
            change(&welcome)
            cases.append(welcome)
        }
        add { $0.version = 2 }
        add { $0.schema = 2 }
        add { $0.credit.events = 4_095 }
        add { $0.credit.bytes = 65_535 }
        add { $0.batchEventsMax = 0 }
        add { $0.batchBodyBytesMax = 10 }
        add { $0.tenantKey = [] }
        add { $0.committed.sequence = Sequence64(.max) }
        for welcome in cases {
            let (_, action) = Self.begin(Samples.view(), welcome)
            #expect(action == .end(.violation), "\(welcome)")
        }
    }

    @Test("STREAM_OWNED moves what is not acknowledged into a new stream")
    func owned() {
        var session = WorkstationSession(view: Samples.view(acknowledged: 40))
        _ = session.hello(clockMs: 1, credential: .mutualTLS, now: Samples.start, random: 1)
        let goaway = GoAway(reason: .streamOwned, reconnectMs: 0, committed: .zero)
        #expect(session.hear(.goaway(goaway)) == .openNewStream(after: Sequence64(40), cause: .streamOwned))
    }
}
