import TallyModel
import TestDisk
import Testing

@testable import TallyWorkstation

/// One session, told step by step.
private struct Watch {
    var states = SessionStates()
    var now = WorkstationInstant(wallMs: 1_790_000_000_000, monotonic: MonotonicInstant(nanoseconds: 1_000_000_000))
    var told: [String] = []
    let agent: Agent
    static let session = TestHash().sessionID([7].span)
    static let folder: UInt64 = 99
    static let file = FileID(device: 1, inode: 2)

    init(_ agent: Agent = .claudeCode) { self.agent = agent }

    enum Step {
        /// A transcript's line, so many seconds ago.
        case line(SessionSign.Kind, ago: Int64)
        case wait(Int64)
        /// A look that sees these.
        case look(folder: Bool = false, file: Bool = false, record: SessionSign.Kind? = nil, isAlive: Bool = true)
        /// A look where processes cannot be seen.
        case blindLook(record: SessionSign.Kind?)
    }

    mutating func take(_ step: Step) {
        switch step {
        case .line(let kind, let ago):
            states.take(
                FileSign(
                    session: Self.session, agent: agent, kind: kind, timeMs: now.wallMs - ago * 1_000, file: Self.file,
                    folder: Self.folder), now)
        case .wait(let seconds):
            now.wallMs += seconds * 1_000
            now.monotonic = now.monotonic + .seconds(seconds)
        case .look(let folder, let file, let record, let isAlive):
            var sightings = AgentSightings()
            sightings.seesProcesses = true
            if folder { sightings.processes.insert(AgentSightings.Process(agent: agent, folder: Self.folder)) }
            if file { sightings.openFiles.insert(Self.file) }
            note(record, isAlive, &sightings)
            states.take(sightings, now)
        case .blindLook(let record):
            var sightings = AgentSightings()
            note(record, false, &sightings)
            states.take(sightings, now)
        }
        for change in states.changes(now, room: 10) {
            switch change.word {
            case .ended: told.append("ended")
            case .state(let state): told.append(state.name)
            }
        }
    }

    private func note(_ kind: SessionSign.Kind?, _ isAlive: Bool, _ sightings: inout AgentSightings) {
        guard let kind else { return }
        sightings.records[Self.session] = AgentSightings.Record(
            session: Self.session, kind: kind == .none ? nil : kind, timeMs: now.wallMs, isAlive: isAlive)
    }
}

@Suite("States of sessions")
struct SessionStatesTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var agent = Agent.claudeCode
        let steps: [Watch.Step]
        let told: [String]
        var testDescription: String { name }
    }

    private static let turns = [
        Case(
            name: "a turn from its prompt to its end",
            steps: [.line(.prompt, ago: 1), .wait(10), .line(.turn, ago: 0), .wait(10), .line(.turnEnd, ago: 0)],
            told: ["working", "waiting_user"]),
        Case(name: "what is old tells nothing", steps: [.line(.turn, ago: 301), .wait(10)], told: []),
        Case(
            name: "a session that is heard goes on however old its lines are",
            steps: [.line(.turn, ago: 1), .wait(3_000), .line(.turnEnd, ago: 400)], told: ["working", "waiting_user"]),
        Case(
            name: "a line read again tells nothing",
            steps: [.line(.turnEnd, ago: 0), .wait(10), .line(.turn, ago: 10), .wait(10)], told: ["waiting_user"]),
        Case(
            name: "what comes and goes within the interval is not told",
            steps: [
                .line(.turnEnd, ago: 0), .wait(1), .line(.turn, ago: 0), .wait(1), .line(.turnEnd, ago: 0), .wait(9),
            ], told: ["waiting_user"]),
        Case(
            name: "what changed within the interval is told behind it",
            steps: [.line(.turn, ago: 0), .wait(1), .line(.turnEnd, ago: 0), .wait(3), .wait(1)],
            told: ["working", "waiting_user"]),
        Case(
            name: "waiting long is being idle, and a turn's end does not change that",
            steps: [.line(.turnEnd, ago: 0), .wait(600), .wait(60), .line(.turnEnd, ago: 0), .wait(9)],
            told: ["waiting_user", "idle"]),
        Case(
            name: "a limit lasts until the next prompt",
            steps: [
                .line(.turn, ago: 0), .wait(9), .line(.limited, ago: 0), .wait(9), .line(.turnEnd, ago: 0), .wait(9),
                .line(.prompt, ago: 0),
            ], told: ["working", "rate_limited", "working"]),
    ]

    private static let processes = [
        Case(
            name: "a process that goes in a turn has crashed", agent: .codex,
            steps: [.line(.turn, ago: 0), .look(file: true), .wait(6), .look(), .wait(4), .look()],
            told: ["working", "crashed"]),
        Case(
            name: "one that goes after a turn has ended", agent: .codex,
            steps: [.line(.turnEnd, ago: 0), .look(file: true), .wait(6), .look(), .wait(4), .look()],
            told: ["waiting_user", "ended"]),
        Case(
            name: "after a prompt alone nobody knows of a turn: it has ended", agent: .codex,
            steps: [.line(.prompt, ago: 0), .look(folder: true), .wait(6), .look(), .wait(4), .look()],
            told: ["working", "ended"]),
        Case(
            name: "one that was never seen is not gone",
            steps: [.line(.turn, ago: 0), .look(), .wait(6), .look(), .wait(60), .look()], told: ["working"]),
        Case(
            name: "one that is missed once is not gone",
            steps: [
                .line(.turn, ago: 0), .look(folder: true), .wait(6), .look(), .wait(2), .look(), .wait(1),
                .look(folder: true), .wait(6), .look(),
            ], told: ["working"]),
        Case(
            name: "another process of the agent in the folder may be it", agent: .codex,
            steps: [
                .line(.turn, ago: 0), .look(file: true), .wait(6), .look(folder: true), .wait(6),
                .look(folder: true),
            ], told: ["working"]),
        Case(
            name: "where processes cannot be seen nothing is gone",
            steps: [
                .line(.turn, ago: 0), .look(folder: true), .wait(6), .blindLook(record: nil), .wait(60),
                .blindLook(record: nil),
            ], told: ["working"]),
        Case(
            name: "a session that is gone on with lives again, and can go again", agent: .codex,
            steps: [
                .line(.turn, ago: 0), .look(file: true), .wait(6), .look(), .wait(4), .look(), .wait(60),
                .line(.turn, ago: 0), .look(), .wait(60), .look(file: true), .wait(6), .look(), .wait(4), .look(),
            ],
            told: ["working", "crashed", "working", "crashed"]),
    ]

    private static let registry = [
        Case(
            name: "the registry says that a permission is asked for, and that it was given",
            steps: [.line(.turn, ago: 0), .wait(6), .look(record: .asks), .wait(6), .look(record: .turn)],
            told: ["working", "waiting_permission", "working"]),
        Case(
            name: "no line of the transcript ends the asking but a turn's end",
            steps: [
                .line(.turn, ago: 0), .wait(6), .look(record: .asks), .wait(6), .line(.turn, ago: 0), .wait(6),
                .line(.turnEnd, ago: 0),
            ], told: ["working", "waiting_permission", "waiting_user"]),
        Case(
            name: "a record that is taken away is an end, in the middle of a turn too",
            steps: [.look(record: .turn), .wait(6), .look(folder: true), .wait(4), .look(folder: true)],
            told: ["working", "ended"]),
        Case(
            name: "a record that is left behind is a crash",
            steps: [
                .look(record: .turn), .wait(6), .look(record: .turn, isAlive: false), .wait(4),
                .look(record: .turn, isAlive: false),
            ], told: ["working", "crashed"]),
        Case(
            name: "a record left behind at the prompt is an end",
            steps: [
                .look(record: .turnEnd), .wait(6), .look(record: .turnEnd, isAlive: false), .wait(4),
                .look(record: .turnEnd, isAlive: false),
            ], told: ["waiting_user", "ended"]),
        Case(
            name: "a dead process's record begins nothing",
            steps: [.look(record: .turn, isAlive: false), .wait(6), .look(record: .turn, isAlive: false)], told: []),
        Case(
            name: "of what it says without a process to see, the words count and no crash is made",
            steps: [.line(.turn, ago: 0), .wait(6), .blindLook(record: .asks), .wait(60), .blindLook(record: nil)],
            told: ["working", "waiting_permission"]),
        Case(
            name: "idle in the registry does not lift a limit",
            steps: [.line(.limited, ago: 0), .wait(6), .look(record: .turnEnd), .wait(6)], told: ["rate_limited"]),
    ]

    @Test("Lines, processes and the registry make the states that they should", arguments: turns + processes + registry)
    private func states(_ test: Case) throws {
        var watch = Watch(test.agent)
        for step in test.steps { watch.take(step) }
        #expect(watch.told == test.told)
    }

    @Test("A state begins when its line was written, and an idle session when it had waited long enough")
    func times() throws {
        var watch = Watch()
        let began = watch.now.wallMs - 4_000
        func sign(_ kind: SessionSign.Kind, _ timeMs: Int64) -> FileSign {
            FileSign(session: Watch.session, agent: .claudeCode, kind: kind, timeMs: timeMs)
        }
        watch.states.take(sign(.turnEnd, began), watch.now)
        #expect(watch.states.changes(watch.now, room: 9).map(\.timeMs) == [began])
        let due = try #require(watch.states.changeDue(watch.now))
        #expect(due.since(watch.now.monotonic) == .milliseconds(Limits.stateIdleMs - 4_000))
        watch.take(.wait(3_600))
        #expect(watch.told == ["idle"])
        // A clock that is ahead on a line tells of no time to come.
        let taken = watch.now
        watch.states.take(sign(.turn, taken.wallMs + 90_000), taken)
        #expect(watch.states.changes(taken, room: 9).isEmpty, "idle was told just now")
        watch.now.monotonic = taken.monotonic + Limits.stateInterval
        let change = try #require(watch.states.changes(watch.now, room: 9).first)
        #expect(change.timeMs == taken.wallMs)
        #expect(EventRules.violation(change.event) == nil)
    }

    @Test("Telemetry tells of sessions whose transcripts are read, and of no others")
    func telemetry() {
        var watch = Watch()
        let sign = FileSign(
            session: Watch.session, agent: .claudeCode, kind: .limited, timeMs: watch.now.wallMs)
        watch.states.takeTelemetry(sign, watch.now)
        #expect(watch.states.count == 0)
        watch.take(.line(.turn, ago: 1))
        watch.states.takeTelemetry(sign, watch.now)
        watch.take(.wait(5))
        #expect(watch.told == ["working", "rate_limited"])
    }

    @Test("Beyond its bound it forgets who is over, then who was heard longest ago")
    func bound() {
        var states = SessionStates(sessionsMax: 3)
        let now = Watch().now
        func session(_ number: UInt8) -> SessionID { TestHash().sessionID([number].span) }
        for number in 0..<9 as Range<UInt8> {
            states.take(
                FileSign(
                    session: session(number), agent: .codex, kind: .turn, timeMs: now.wallMs - 1_000 + Int64(number)),
                now)
            #expect(states.count == min(3, Int(number) + 1))
        }
        #expect(Set(states.changes(now, room: 9).map(\.session)) == Set([6, 7, 8].map { session($0) }))
    }

    @Test("Whatever is heard and seen, no word is told twice in a row, times ascend, and only who was seen has crashed")
    func random() {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededRandom(seed)
            var states = SessionStates()
            var now = Watch().now
            let sessions = (0..<4 as Range<UInt8>).map { TestHash().sessionID([$0].span) }
            var last: [SessionID: SessionStates.Change] = [:]
            var toldAt: [SessionID: MonotonicInstant] = [:]
            var seen: Set<SessionID> = []
            for _ in 0..<120 {
                let pause = Int64(random.below(8_000))
                now.wallMs += random.chance(95) ? pause : -pause
                now.monotonic = now.monotonic + .milliseconds(pause)
                let kinds = SessionSign.Kind.allCases
                if random.chance(60) {
                    let number = random.below(4)
                    states.take(
                        FileSign(
                            session: sessions[number], agent: .codex, kind: kinds[random.below(kinds.count)],
                            timeMs: now.wallMs - Int64(random.below(400_000)) / 10,
                            file: FileID(device: 1, inode: UInt64(number)), folder: 0), now)
                } else {
                    var sightings = AgentSightings()
                    sightings.seesProcesses = random.chance(90)
                    for number in 0..<4 where random.chance(60) {
                        sightings.openFiles.insert(FileID(device: 1, inode: UInt64(number)))
                        if sightings.seesProcesses { seen.insert(sessions[number]) }
                    }
                    states.take(sightings, now)
                }
                for change in states.changes(now, room: 1 + random.below(4)) {
                    let session = change.session
                    #expect(change.word != last[session]?.word, "seed \(seed)")
                    #expect(change.timeMs > last[session]?.timeMs ?? 0, "seed \(seed)")
                    if let at = toldAt[session] {
                        #expect(now.monotonic.since(at) >= Limits.stateInterval, "seed \(seed)")
                    }
                    if change.word == .state(.crashed) { #expect(seen.contains(session), "seed \(seed)") }
                    #expect(EventRules.violation(change.event) == nil, "seed \(seed)")
                    last[session] = change
                    toldAt[session] = now.monotonic
                }
                #expect(states.count <= 4)
                if let due = states.changeDue(now) { #expect(due >= now.monotonic, "seed \(seed)") }
            }
            #expect(!last.isEmpty)
        }
    }
}
