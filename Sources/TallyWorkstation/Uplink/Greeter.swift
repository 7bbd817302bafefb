import TallyHash
import TallyIO
import TallyModel
import TallyProtocol
import TallyTLS
import TallyTransport
import TallyWire

/// Shakes hands with a gateway once, to see whether a token is good: TLS, HELLO, WELCOME, farewell.
final class Greeter: ChannelHandler {
    typealias Answer = @Sendable (Result<Welcome, WorkstationError>) -> Void

    private let hello: Hello
    private var answer: Answer?
    private var reader = FrameReader(side: .workstation)

    private init(_ hello: Hello, _ answer: @escaping Answer) {
        self.hello = hello
        self.answer = answer
        reader.phase = .open
    }

    /// On the shard's queue, `answer` is called once.
    static func greet(
        _ gateway: HostPort, tls: TLSClientContext, token: [UInt8], state: SpoolState, on shard: Shard,
        answer: @escaping Answer
    ) {
        var session = WorkstationSession(view: state.view(durable: state.tip.sequence))
        let hello = session.hello(
            clockMs: WallClock.nowMs(), credential: .token(token),
            now: MonotonicInstant(nanoseconds: ShardLoop.nowNanoseconds), random: Random.uint64())
        Dialer.dial(
            gateway, tls: tls, settings: Uplink.settings, timeout: Limits.dialTimeout, on: shard,
            makeHandler: { _ in Greeter(hello, answer) },
            failed: { answer(.failure(.dial($0))) })
    }

    func opened(_ channel: SecureChannel) {
        channel.send(FrameCodec.encode(.hello(hello)))
        _ = channel.loop.after(Limits.dialTimeout) { [weak self, weak channel] in
            guard let self, self.answer != nil else { return }
            self.finish(.failure(.noAnswer))
            channel?.abort(.requested)
        }
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        switch reader.next(in: bytes) {
        case .needMore: return 0
        case .refused: finish(.failure(.protocolBroken))
        case .frame(let slice):
            do throws(FrameRefusal) {
                switch try FrameCodec.decode(slice, in: bytes) {
                case .welcome(let welcome) where welcome.tenantKey.count == WorkstationHash.keyBytes:
                    finish(.success(welcome))
                case .goaway(let goaway): finish(.failure(.refused(goaway.reason)))
                default: finish(.failure(.protocolBroken))
                }
            } catch {
                finish(.failure(.protocolBroken))
            }
        }
        channel.close()
        return bytes.count
    }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) { finish(.failure(.noAnswer)) }

    private func finish(_ result: Result<Welcome, WorkstationError>) {
        guard let answer else { return }
        self.answer = nil
        answer(result)
    }
}
