import Foundation
import TallyGateway
import TallyModel
import TallyWire
import Testing

/// What operators see of sessions that live and of those that are stuck.
@Suite("Sessions")
struct SessionsTests {
    private struct Reply: Decodable {
        struct Line: Decodable, Equatable {
            let session: String
            let agent: String
            let workstation: String
            let project: String?
            let model: String?
            let state: String
            let since_ms: Int64
            let last_ms: Int64
            let stuck: Bool
        }
        let sessions: [Line]
    }

    private static let nowMs = Int64(Date().timeIntervalSince1970 * 1_000)

    private static func session(_ number: UInt64) throws -> SessionID {
        try #require(SessionID(Bytes16(high: number, low: number)))
    }

    /// `ago` in minutes.
    private static func event(
        _ number: UInt64, _ kind: EventKind, _ state: AgentState? = nil, ago: Int64, plusMs: Int64 = 0
    ) throws -> Event {
        var event = Event(
            kind: kind, timeMs: nowMs - ago * 60_000 + plusMs, session: try session(number), agent: .codex,
            model: kind == .usage ? Label("gpt-5.2") : nil)
        event.state = state
        if kind == .usage {
            event.inputTokens = 10
            event.project = ProjectID(Bytes16(high: 1, low: number))
        }
        return event
    }

    private static func events() throws -> [Event] {
        [
            // 1 works and tells of calls; 2 works and tells of nothing; 3 asks; 4 was limited; 5 has ended; 6 crashed.
            try event(1, .state, .working, ago: 90), try event(1, .usage, ago: 2),
            try event(2, .usage, ago: 100), try event(2, .state, .working, ago: 90),
            try event(3, .state, .working, ago: 60), try event(3, .state, .waitingPermission, ago: 40),
            try event(3, .usage, ago: 3),
            try event(4, .state, .rateLimited, ago: 20),
            try event(5, .state, .working, ago: 30), try event(5, .sessionEnd, ago: 10),
            try event(6, .sessionEnd, ago: 80), try event(6, .state, .working, ago: 50),
            try event(6, .state, .crashed, ago: 45),
            // Only calls are known of 7; 8 is of another day, and was said twice for one instant; 9 waits.
            try event(7, .usage, ago: 5),
            try event(8, .state, .idle, ago: 3_000), try event(8, .state, .waitingUser, ago: 3_000),
            try event(9, .state, .waitingUser, ago: 70), try event(9, .sessionStart, ago: 1),
        ]
    }

    private func lines(_ rig: Rig, _ arguments: SessionsArguments = SessionsArguments(tenant: "acme")) throws
        -> [Reply.Line]
    {
        let text = try rig.done(.sessions(arguments), .json)
        return try JSONDecoder().decode(Reply.self, from: Data(text.utf8)).sessions
    }

    @Test(
        "The last state of each session is shown, the same whether views are behind, moved, made anew or nobody serves")
    func shown() throws {
        let rig = try Rig(faults: Faults(viewsDelay: .seconds(3_600)))
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        #expect(try lines(rig).isEmpty)
        let events = try Self.events()
        for part in [events[..<7], events[7...]] { peer.send(.batch(try spool.batch(Array(part)))) }
        try peer.ack(through: UInt64(events.count))
        let behind = try lines(rig)
        #expect(
            behind.map(\.state) == [
                "waiting_user", "working", "waiting_permission", "rate_limited", "crashed", "working",
            ])
        #expect(behind.map(\.stuck) == [false, false, true, false, false, true])
        #expect(try behind.map(\.session) == [9, 1, 3, 4, 6, 2].map { try Self.session($0).value.uuidText })
        #expect(behind.allSatisfy { $0.agent == "codex" && $0.workstation == "laptop" })
        #expect(behind[1].model == "gpt-5.2" && behind[1].since_ms == Self.nowMs - 90 * 60_000)
        #expect(behind[1].last_ms == Self.nowMs - 2 * 60_000)
        #expect(behind[1].project == "00000000-0000-0001-0000-000000000001" && behind[3].project == nil)
        rig.stop()
        #expect(try lines(rig) == behind, "views moved at the stop, and nobody serves")
        try rig.start()
        #expect(try lines(rig) == behind)
        try rig.done(.rebuild(tenant: "acme"))
        #expect(try lines(rig) == behind)
        try rig.done(.verify(tenant: "acme"))
    }

    @Test("States, stuckness, days and number narrow what is shown, and what is no state is refused with the states")
    func narrowed() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let events = try Self.events()
        peer.send(.batch(try spool.batch(events)))
        try peer.ack(through: UInt64(events.count))
        func states(_ arguments: SessionsArguments) throws -> [String] { try lines(rig, arguments).map(\.state) }
        #expect(try states(SessionsArguments(tenant: "acme", states: ["ended", "crashed"])) == ["ended", "crashed"])
        #expect(
            try states(SessionsArguments(tenant: "acme", stuckMinutes: 15)) == [
                "waiting_permission", "rate_limited", "working",
            ])
        #expect(try states(SessionsArguments(tenant: "acme", states: ["working"], stuckMinutes: 60)) == ["working"])
        #expect(try states(SessionsArguments(tenant: "acme", states: ["idle"])) == [])
        #expect(try states(SessionsArguments(tenant: "acme", states: ["idle"], days: 3)) == ["idle"])
        #expect(try states(SessionsArguments(tenant: "acme", limit: 2)) == ["waiting_user", "working"])
        let text = try rig.done(.sessions(SessionsArguments(tenant: "acme", states: ["waiting_permission"])))
        #expect(text.split(separator: "\n").count == 2 && text.contains("stuck") && text.contains("laptop"))
        #expect(try rig.done(.sessions(SessionsArguments(tenant: "acme", states: ["idle"]))) == "no such sessions\n")
        let wrong = rig.call(.sessions(SessionsArguments(tenant: "acme", states: ["asleep"])))
        #expect(wrong.exitCode == 1 && wrong.failure?.contains("waiting_permission") == true)
        for bound in [
            SessionsArguments(tenant: "acme", limit: 0), SessionsArguments(tenant: "acme", days: 91),
            SessionsArguments(tenant: "acme", stuckMinutes: 0),
        ] {
            #expect(rig.call(.sessions(bound)).failure?.contains("--limit") == true)
        }
        try rig.done(.tenantCreate(name: "other", plan: "pro", retentionDays: nil))
        #expect(try lines(rig, SessionsArguments(tenant: "other")).isEmpty)
    }
}
