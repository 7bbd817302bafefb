import TallyModel
import TallyProtocol
import TallyWire
import Testing

/// Every phase of the gateway's session against every frame.
@Suite("Gateway: state × frame")
struct GatewayStateTests {
    enum Kind: CaseIterable { case hello, batch, skip, probe, ping, pong, close, adopt, other }

    /// What happens, told in one word.
    enum Answer { case served, silent, protocolError }

    static func session(in phase: GatewaySession.Phase) -> GatewaySession {
        var session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        if phase == .awaitingHello { return session }
        var hello = Samples.hello()
        hello.wantsAdoption = true
        _ = session.receive(HelloHeader(hello), now: Samples.start)
        if phase == .authenticating { return session }
        _ = session.authenticated(hello)
        if phase == .claiming { return session }
        _ = session.claimed(Samples.claim(adoption: true), now: Samples.start)
        if phase == .draining {
            _ = session.take(1, 2)
            _ = session.shutdown(now: Samples.start)
        }
        if phase == .closed { _ = session.supersede() }
        return session
    }

    static func feed(_ kind: Kind, _ session: inout GatewaySession) -> Answer {
        func answer(_ goaway: GoAway) -> Answer { goaway.reason == .protocol ? .protocolError : .served }
        switch kind {
        case .hello:
            switch session.receive(HelloHeader(Samples.hello()), now: Samples.start) {
            case .authenticate: return .served
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            }
        case .batch:
            switch session.batch(Samples.header(1, 2), bodyBytes: 40) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            default: return .served
            }
        case .skip:
            switch session.skip(SkipHeader(Samples.skip(1, 2))) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            default: return .served
            }
        case .probe:
            switch session.probe(.zero) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            default: return .served
            }
        case .ping:
            switch session.ping(opaque: 1, now: Samples.start) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            case .pong: return .served
            }
        case .pong: return session.pong().map(answer) ?? .silent
        case .close:
            switch session.close(final: .zero) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            case .close: return .served
            }
        case .adopt:
            switch session.adopt(sessions: 1) {
            case .goaway(let goaway): return answer(goaway)
            case .silent: return .silent
            case .lookUp: return .served
            }
        case .other: return session.violation().map(answer) ?? .silent
        }
    }

    static func expected(_ phase: GatewaySession.Phase, _ kind: Kind) -> Answer {
        switch (phase, kind) {
        case (.closed, _): .silent
        case (_, .other): .protocolError
        case (.awaitingHello, .hello), (.authenticating, .ping), (.claiming, .ping), (.draining, .ping): .served
        case (.draining, _): .silent
        case (.claiming, .pong), (.open, .pong): .silent
        case (.awaitingHello, _), (.authenticating, _), (.claiming, _), (.open, .hello): .protocolError
        case (.open, _): .served
        }
    }

    @Test("TG-2-2 A frame in the wrong state ends the connection, and an ended one says nothing")
    func everyPair() {
        for phase in GatewaySession.Phase.allCases {
            for kind in Kind.allCases {
                var session = Self.session(in: phase)
                #expect(session.phase == phase)
                let answer = Self.feed(kind, &session)
                #expect(answer == Self.expected(phase, kind), "\(kind) in \(phase)")
                if answer == .protocolError { #expect(session.phase == .closed, "\(kind) in \(phase)") }
            }
        }
    }
}
