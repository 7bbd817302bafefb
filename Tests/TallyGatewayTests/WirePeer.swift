import Dispatch
import Foundation
import Synchronization
import TallyIO
import TallyModel
import TallyTLS
import TallyTransport
import TallyWire
import Testing

/// A workstation's end of the wire that does what a test says and nothing by itself: frames go out as asked, frames that
/// come are kept in order.
final class WirePeer: Sendable {
    enum Seen: Sendable {
        case frame(Frame)
        case undecodable
        case closed(CloseReason)
        case failed(DialError)
    }

    private struct State {
        var seen: [Seen] = []
        var taken = 0
        var isOpen = false
    }

    private let state = Guarded(State())
    private let changed = DispatchSemaphore(value: 0)
    private let shard: Shard
    private let end = Guarded<ShardReference<PeerHandler>?>(nil)

    init(to target: HostPort, tls: TLSClientContext, on shard: Shard) throws {
        self.shard = shard
        Dialer.dial(
            target, tls: tls,
            settings: ChannelSettings(
                receiveBytesMax: 70_000, sendBytesMax: 32 << 20, handshakeTimeout: .seconds(10),
                flushTimeout: .seconds(2)),
            timeout: .seconds(15), on: shard,
            makeHandler: { loop in
                let handler = PeerHandler(self)
                self.end.withLock { $0 = loop.reside(handler) }
                return handler
            },
            failed: { self.note(.failed($0)) })
        let isOpen = wait(seconds: 15) { $0.isOpen || !$0.seen.isEmpty }
        try #require(isOpen && self.state.withLock { $0.isOpen }, "no connection: \(all)")
    }

    deinit { end.withLock { $0 }?.async { $0.channel?.abort(.requested) } }

    // MARK: Out

    func send(_ frame: Frame) { send(bytes: FrameCodec.encode(frame)) }

    func send(bytes: [UInt8]) {
        end.withLock { $0 }?.async { _ = $0.channel?.send(bytes) }
    }

    /// Cuts the connection without a farewell.
    func cut() { end.withLock { $0 }?.async { $0.channel?.abort(.requested) } }

    // MARK: In

    var all: [Seen] { state.withLock { $0.seen } }

    var isClosed: Bool {
        all.contains { if case .closed = $0 { true } else { false } }
    }

    /// The next thing seen, or nil after `seconds`.
    func next(seconds: Double = 10) -> Seen? {
        guard wait(seconds: seconds, until: { $0.taken < $0.seen.count }) else { return nil }
        return state.withLock { state in
            state.taken += 1
            return state.seen[state.taken - 1]
        }
    }

    /// The next frame, which must come.
    func frame(seconds: Double = 10) throws -> Frame {
        guard case .frame(let frame)? = next(seconds: seconds) else {
            throw PeerFailure(description: "no frame came: \(all.suffix(3))")
        }
        return frame
    }

    func welcome() throws -> Welcome {
        let frame = try frame()
        guard case .welcome(let welcome) = frame else { throw PeerFailure(description: "not WELCOME: \(frame)") }
        return welcome
    }

    /// Reads ACKs until one covers `sequence`.
    @discardableResult
    func ack(through sequence: UInt64) throws -> Ack {
        while true {
            let frame = try frame()
            guard case .ack(let ack) = frame else { throw PeerFailure(description: "not ACK: \(frame)") }
            if ack.committed.value >= sequence { return ack }
        }
    }

    func reject() throws -> Reject {
        let frame = try frame()
        guard case .reject(let reject) = frame else { throw PeerFailure(description: "not REJECT: \(frame)") }
        return reject
    }

    /// The next GOAWAY; ACKs before it are passed over.
    func goaway(seconds: Double = 10) throws -> GoAway {
        while true {
            switch try frame(seconds: seconds) {
            case .goaway(let goaway): return goaway
            case .ack: continue
            case let other: throw PeerFailure(description: "not GOAWAY: \(other)")
            }
        }
    }

    func waitForClose(seconds: Double = 10) -> Bool {
        wait(seconds: seconds) { $0.seen.contains { if case .closed = $0 { true } else { false } } }
    }

    // MARK: Inside

    fileprivate func note(_ seen: Seen) {
        state.withLock { $0.seen.append(seen) }
        changed.signal()
    }

    fileprivate func noteOpen() {
        state.withLock { $0.isOpen = true }
        changed.signal()
    }

    private func wait(seconds: Double, until condition: (State) -> Bool) -> Bool {
        let deadline = DispatchTime.now() + seconds
        while !state.withLock({ condition($0) }) {
            let slice = min(deadline, .now() + 0.05)
            if changed.wait(timeout: slice) == .timedOut, .now() >= deadline { return state.withLock { condition($0) } }
        }
        return true
    }
}

struct PeerFailure: Error, CustomStringConvertible { let description: String }

/// The part of a peer that lives on its shard.
private final class PeerHandler: ChannelHandler, ShardResident {
    private weak var peer: WirePeer?
    private var reader = FrameReader(side: .workstation)
    var channel: SecureChannel?

    init(_ peer: WirePeer) {
        self.peer = peer
        reader.phase = .open
    }

    func opened(_ channel: SecureChannel) {
        self.channel = channel
        peer?.noteOpen()
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        var start = 0
        while case .frame(let slice) = reader.next(in: bytes, from: start) {
            if let frame = try? FrameCodec.decode(slice, in: bytes) {
                peer?.note(.frame(frame))
            } else {
                peer?.note(.undecodable)
            }
            start = slice.body.upperBound
        }
        return start
    }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        self.channel = nil
        peer?.note(.closed(reason))
    }
}
