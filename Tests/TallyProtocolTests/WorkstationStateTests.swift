import TallyModel
import TallyProtocol
import TallyWire
import Testing

/// Every phase of the workstation's session against every frame.
@Suite("Workstation: state × frame")
struct WorkstationStateTests {
    static let phases: [WorkstationSession.Phase] = [
        .ready, .awaitingWelcome, .comparing, .probing, .open, .closing, .ended,
    ]

    static func session(in phase: WorkstationSession.Phase) -> WorkstationSession {
        var session = WorkstationSession(view: Samples.view(highest: phase == .closing ? 0 : 100))
        if phase == .ready { return session }
        _ = session.hello(clockMs: 5_000, credential: .mutualTLS, now: Samples.start, random: 1)
        switch phase {
        case .comparing: _ = session.hear(.welcome(Samples.welcome(committed: 50)))
        case .probing: _ = session.hear(.welcome(Samples.welcome(committed: 200)))
        case .open: _ = session.hear(.welcome(Samples.welcome()))
        case .closing:
            _ = session.hear(.welcome(Samples.welcome()))
            _ = session.close(highest: .zero)
        case .ended: _ = session.disconnected()
        default: break
        }
        return session
    }

    static let frames: [Frame] = [
        .hello(Samples.hello()), .welcome(Samples.welcome()),
        .batch(BatchFrame(header: Samples.header(1, 1), body: [])), .ack(Samples.ack(0)),
        .reject(Samples.reject(1, .storage)), .skip(Samples.skip(1, 1)), .probe(sequence: .zero),
        .chain(sequence: Sequence64(100), value: Samples.chain(100)), .ping(opaque: 4), .pong(opaque: 4),
        .goaway(GoAway(reason: .shutdown, reconnectMs: 0, committed: .zero)), .close(final: .zero),
        .adopt(Adopt(prior: nil, priorThrough: .zero, fromMs: 0, sessions: [])),
        .adopted(Adopted(count: 0, nextMs: .max, body: [], isLast: true)),
    ]

    /// Whether `frame` is a violation in `phase`.
    static func isViolation(_ phase: WorkstationSession.Phase, _ frame: Frame) -> Bool {
        switch (phase, frame) {
        case (.ended, _): false
        case (.ready, _): true
        case (_, .hello), (_, .batch), (_, .skip), (_, .probe), (_, .close), (_, .adopt): true
        case (_, .ping), (_, .pong), (_, .goaway): false
        case (_, .welcome): phase != .awaitingWelcome
        case (_, .chain): phase != .probing
        case (_, .ack), (_, .adopted): phase != .open && phase != .closing
        case (_, .reject): phase != .open
        }
    }

    @Test("TG-2-2 A frame in the wrong state ends the connection, and an ended one does nothing")
    func everyPair() {
        for phase in Self.phases {
            for frame in Self.frames {
                var session = Self.session(in: phase)
                #expect(session.phase == phase)
                let action = session.hear(frame)
                let isViolation = Self.isViolation(phase, frame)
                #expect((action == .end(.violation)) == isViolation, "\(frame) in \(phase): \(action)")
                if isViolation || phase == .ended { #expect(session.phase == .ended) }
            }
        }
    }
}
