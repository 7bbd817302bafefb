import Synchronization
import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import Testing

@testable import TallyWorkstation

/// An engine's core with a gateway, both in memory and on one thread: time goes as the test says.
final class CoreBench {
    let disk: LyingDisk
    let folders: MemoryFolders
    let options: LogOptions
    var gateway = WireGateway()
    private(set) var core: EngineCore<MemoryFolders>
    private(set) var now = WorkstationInstant(wallMs: 1_790_000_000_000, monotonic: MonotonicInstant(nanoseconds: 0))
    private(set) var replies: [UInt64: [ReplyMessage]] = [:]
    private(set) var notices: [String] = []
    private(set) var exported: [UInt64: OTLPOutcome] = [:]
    private(set) var readings: [String?] = []
    /// Everything that the core wanted done, as text: the same seed must give the same.
    private(set) var trace: [String] = []
    private(set) var failure: WorkstationError?
    private(set) var dials = 0
    /// Nobody answers a dial.
    var isGatewayAway = false
    private var isConnected = false
    private var toCore: [UInt8] = []
    private let entropy: Entropy
    private let lookout: (any AgentLookout)?
    private var writtenMs: Int64 = 0

    static let path = "/t/projects/p/6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f.jsonl"

    /// `image`: the files that the home's disk holds already.
    init(
        seed: UInt64 = 1, options: LogOptions = Spool.options, folders: MemoryFolders = MemoryFolders(),
        image: [String: [UInt8]] = [:], lookout: (any AgentLookout)? = nil, now: WorkstationInstant? = nil
    ) throws {
        self.lookout = lookout
        if let now { self.now = now }
        disk = LyingDisk(seed: seed)
        for (name, bytes) in image.sorted(by: { $0.key < $1.key }) { disk.put(name, bytes) }
        self.folders = folders
        self.options = options
        let random = Guarded(SeededRandom(seed))
        entropy = Entropy { random.withLock { $0.next() } }
        core = try CoreBench.makeCore(disk, options, folders, lookout, entropy, self.now)
    }

    private static func makeCore(
        _ disk: LyingDisk, _ options: LogOptions, _ folders: MemoryFolders, _ lookout: (any AgentLookout)?,
        _ entropy: Entropy, _ now: WorkstationInstant
    ) throws -> EngineCore<MemoryFolders> {
        let spool = try Spool(on: disk, options: options, nowMs: now.wallMs, entropy: entropy)
        let address = try #require(HostPort("gateway.test:7443"))
        let enrolment = Enrolment(
            gateway: address, token: Array("tg_x".utf8), authorities: nil, tenantKey: WireGateway.tenantKey,
            keepsMs: 1 << 50)
        return try EngineCore(
            spool: spool, enrolment: enrolment, ownKey: [UInt8](repeating: 5, count: 32),
            homes: SourceHomes(home: nil, claudeConfigDir: "/t", codexHome: "/c", geminiCLIHome: "/g"),
            folders: folders, lookout: lookout, entropy: entropy, now: now)
    }

    /// The process dies, or the power goes, and it starts anew. `forgivingFailure`: it may have stopped by itself, as it
    /// does when its disk fails.
    func restart(losingPower: Bool, forgivingFailure: Bool = false) throws {
        cut()
        replies = [:]
        exported = [:]
        if forgivingFailure { failure = nil }
        if losingPower { disk.losePower() } else { disk.kill() }
        core = try CoreBench.makeCore(disk, options, folders, lookout, entropy, now)
    }

    /// The connection breaks.
    func cut() {
        guard isConnected else { return }
        isConnected = false
        toCore = []
        gateway.disconnect()
        core.closed(now)
        perform()
    }

    /// Calls `body`, then does what is wanted and lets time pass until `until` or for `span`.
    @discardableResult
    func run(for span: Duration = .seconds(30), until isDone: (CoreBench) -> Bool = { _ in false }) throws -> Bool {
        let end = now.monotonic + span
        // Each turn does one thing or lets time pass up to the next deadline.
        while !isDone(self) {
            if !toCore.isEmpty {
                let consumed = core.received(toCore.span, now)
                toCore.removeFirst(min(consumed, toCore.count))
                perform()
            } else if core.isSliceDue {
                core.slice(now)
                perform()
            } else {
                guard let deadline = core.deadline, deadline <= end else {
                    pass(until: end)
                    return isDone(self)
                }
                pass(until: deadline)
                core.tick(now)
                perform()
            }
        }
        return true
    }

    /// Does what is wanted until nothing more is: an answered dial wants a HELLO sent.
    func perform() {
        while true {
            let actions = core.pump(now, room: 1 << 20)
            guard !actions.isEmpty else { return }
            for action in actions { carryOut(action) }
        }
    }

    private func carryOut(_ action: EngineAction) {
        trace.append("\(now.monotonic.nanoseconds) \(action)")
        switch action {
        case .dial:
            dials += 1
            guard !isGatewayAway else {
                core.dialFailed(UplinkProblem(text: "nothing listens", needsPerson: false), now)
                return
            }
            gateway.connect(now)
            isConnected = true
            core.opened(now)
        case .send(let bytes):
            guard isConnected else { return }
            let goesOn = (try? gateway.receive(bytes, now)) ?? false
            toCore += gateway.takeOutbox()
            if !goesOn, toCore.isEmpty { cut() }
        case .close:
            isConnected = false
            toCore = []
            gateway.disconnect()
        case .reply(let command, let message): replies[command, default: []].append(message)
        case .notice(let text): notices.append(text)
        case .exported(let command, let outcome): exported[command] = outcome
        case .reading(let text): readings.append(text)
        case .watch: break
        case .failed(let error): failure = error
        }
    }

    func pass(until instant: MonotonicInstant) {
        let span = instant.since(now.monotonic)
        now.wallMs += Int64(span.wholeMilliseconds)
        now.monotonic = max(now.monotonic, instant)
    }

    /// A `sync` to its end; its exit code.
    func sync(wait: Duration = .seconds(10)) throws -> Int32? {
        let command = core.sync(wait: wait, now)
        perform()
        try run(for: .seconds(120)) { $0.code(command) != nil }
        return code(command)
    }

    func code(_ command: UInt64) -> Int32? {
        for case .done(let code) in replies[command] ?? [] { return code }
        return nil
    }

    func text(_ command: UInt64) -> String {
        (replies[command] ?? []).map { message in
            switch message {
            case .output(let text), .error(let text): text
            case .progress, .done: ""
            }
        }.joined()
    }

    /// Calls of one token more each, written to a transcript now, a millisecond apart at least.
    func write(_ numbers: Range<Int>) {
        for number in numbers {
            folders.append(
                CoreBench.path,
                claudeLine(
                    message: "msg_\(number)", request: "req_\(number)", input: 100 + number, stop: "end_turn",
                    time: nextTime()))
        }
    }

    /// The time of day as transcripts write it, later than all that were written.
    func nextTime() -> String {
        writtenMs = max(writtenMs + 1, now.wallMs)
        var days = writtenMs / 86_400_000
        let rest = writtenMs % 86_400_000
        // Of the years around 2026.
        var year: Int64 = 1970
        func isLeap(_ year: Int64) -> Bool { (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 }
        while days >= (isLeap(year) ? 366 : 365) {
            days -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 0
        let lengths: [Int64] = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        while days >= lengths[month] {
            days -= lengths[month]
            month += 1
        }
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let millis = "\(1_000 + rest % 1_000)".dropFirst()
        return "\(year)-\(two(Int64(month) + 1))-\(two(days + 1))T\(two(rest / 3_600_000)):"
            + "\(two(rest / 60_000 % 60)):\(two(rest / 1_000 % 60)).\(millis)Z"
    }
}
