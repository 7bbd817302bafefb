import TallyHTTP
import TallyIO
import TallyModel

/// One connection's requests, one after the other: bytes in, requests and refusals out; sans I/O.
///
/// States: a head is awaited → its body is awaited → the request is given out and its answer awaited (`answered`) → the
/// next head. Bytes that come early wait, at most a head's worth: whoever sends on without an answer is made to wait by
/// the socket. After a refusal nothing more is read.
package struct OTLPExchange {
    package enum Step {
        case needsMore
        /// Say `100 Continue`, then ask again.
        case goOn
        case request(OTLPRequest)
        /// Say this and close.
        case refused(OTLPAnswer)
    }

    private enum State {
        case head
        case fixed(UploadHead, left: Int)
        case chunked(UploadHead, ChunkReader)
        case waiting
        case ended
    }

    private static let signals = OTLPSignal.allCases
    private let parser = UploadParser(paths: signals.map(\.path), bodyBytesMax: Limits.otlpBodyBytesMax)
    private var state = State.head
    private var pending: [UInt8] = []
    private var body: [UInt8] = []
    package private(set) var keepsAlive = true

    package init() {}

    /// A request has begun and is not whole.
    package var isWithin: Bool {
        switch state {
        case .head: !pending.isEmpty
        case .fixed, .chunked: true
        case .waiting, .ended: false
        }
    }

    /// More bytes are wanted.
    package var isReading: Bool {
        switch state {
        case .head, .fixed, .chunked: true
        case .waiting, .ended: false
        }
    }

    /// Bytes that are held.
    package var heldBytes: Int {
        if case .chunked(_, let reader) = state { return pending.count + reader.body.count }
        return pending.count + body.count
    }

    package mutating func feed(_ bytes: Span<UInt8>) {
        guard isReading else { return }
        if case .fixed(let head, let left) = state {
            let count = min(left, bytes.count)
            body.append(copying: bytes.extracting(0..<count))
            pending.append(copying: bytes.extracting(count..<bytes.count))
            state = .fixed(head, left: left - count)
        } else {
            pending.append(copying: bytes)
        }
    }

    /// What is to be done now; ask until `needsMore`, a request or a refusal.
    package mutating func next() -> Step {
        switch state {
        case .head: return readHead()
        case .fixed(let head, let left): return left == 0 ? give(head) : .needsMore
        case .chunked(let head, var reader):
            // Taken out, so that its body is not copied while it grows.
            state = .ended
            do throws(ChunkReader.Failure) {
                let taken = try reader.take(pending, from: 0)
                pending.removeFirst(taken)
            } catch {
                return refuse(OTLPAnswer(chunks: error))
            }
            guard reader.isDone else {
                state = .chunked(head, reader)
                return .needsMore
            }
            body = reader.body
            return give(head)
        case .waiting, .ended: return .needsMore
        }
    }

    /// The request that was given out has its answer.
    package mutating func answered() { state = keepsAlive ? .head : .ended }

    /// Nothing more is read.
    package mutating func end() {
        state = .ended
        pending.overwrite()
        body.overwrite()
        pending = []
        body = []
    }

    private mutating func readHead() -> Step {
        do throws(UploadHead.Refusal) {
            guard let (head, bytes) = try parser.parse(pending) else { return .needsMore }
            pending.removeFirst(bytes)
            keepsAlive = head.keepsAlive
            switch head.length {
            case .bytes(let count):
                let early = min(count, pending.count)
                body = Array(pending[..<early])
                pending.removeFirst(early)
                state = .fixed(head, left: count - early)
            case .chunked: state = .chunked(head, ChunkReader(bodyBytesMax: Limits.otlpBodyBytesMax))
            }
            // Who has sent its body already does not wait for our word.
            return head.expectsContinue && body.isEmpty && pending.isEmpty ? .goOn : next()
        } catch {
            return refuse(OTLPAnswer(error))
        }
    }

    private mutating func give(_ head: UploadHead) -> Step {
        state = .waiting
        var taken: [UInt8] = []
        swap(&taken, &body)
        return .request(
            OTLPRequest(
                Self.signals[head.path], head.mediaType == .json ? .json : .protobuf, isGzip: head.isGzip,
                body: taken))
    }

    private mutating func refuse(_ answer: OTLPAnswer) -> Step {
        end()
        return .refused(answer)
    }
}
