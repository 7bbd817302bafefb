import TallyModel
import TestEffort
import Testing

@testable import TallyWire

@Suite("Frames survive the wire, and nothing else passes for one")
struct FrameTests {
    static let stream = StreamID(Bytes16(high: 1, low: 2))
    static let session = SessionID(Bytes16(high: 3, low: 4))
    static let cursor = StreamCursor(
        sequence: Sequence64(7), chain: ChainValue(8), totals: RunningTotals(tokens: 1 << 100, reportedNanoUSD: 9))

    /// One of each type, every field other than its default.
    static func frames() -> [Frame] {
        var hello = Hello(
            stream: stream, highestChain: ChainValue(11), acknowledged: cursor, clockMs: -5,
            credential: .token(Array("tg_0123456789".utf8)))
        hello.versions = 1...3
        hello.schemas = 2...4
        hello.lowestHeld = Sequence64(5)
        hello.highestHeld = Sequence64(Limits.sequenceMax)
        hello.storeEpoch = StoreEpoch(.max)
        hello.wantsAdoption = true
        hello.options = [HelloOption(id: 0xfafa, value: [1, 2, 3]), HelloOption(id: 1, value: [])]
        var welcome = Welcome(
            committed: cursor, credit: Credit(events: 10, bytes: 20), batchEventsMax: 4_096,
            batchBodyBytesMax: 65_536, clockMs: 1_700_000_000_000, oldestTimeMs: -1, storeEpoch: StoreEpoch(6),
            backedUpThrough: Sequence64(2), generation: Generation(.max), tenantKey: Array(0..<32))
        welcome.allowsAdoption = true
        welcome.ignoredOptions = [0xfafa, 2]
        let model = Label("gpt-6")
        let group = SkipGroup(model: model, events: 3, tokenClasses: Array(1...7), reportedNanoUSD: .max)
        let rest = SkipGroup(model: nil, events: 0, tokenClasses: Array(repeating: .max, count: 7), reportedNanoUSD: 0)
        let sessions = session.map { [$0] } ?? []
        let header = BatchHeader(
            first: Sequence64(1), count: 4, rawBytes: 5, controlTokens: 6, reportedNanoUSD: 7,
            chainAfter: ChainValue(8), isLZ4: true)
        return [
            .hello(hello), .welcome(welcome), .batch(BatchFrame(header: header, body: [1, 2, 3])),
            .ack(
                Ack(committed: Sequence64(1), chain: ChainValue(2), credit: .paused, backedUpThrough: Sequence64(1))),
            .reject(
                Reject(first: Sequence64(1), index: 2, run: 3, reason: .fieldRange, field: 12, retryMs: 4)),
            .skip(
                Skip(
                    first: Sequence64(1), last: Sequence64(9), chainAfter: ChainValue(3), reason: .trimmed,
                    groups: [group, rest])),
            .probe(sequence: Sequence64(1)), .chain(sequence: Sequence64(1), value: ChainValue(0)),
            .chain(sequence: Sequence64(1), value: nil), .ping(opaque: .max), .pong(opaque: 1),
            .goaway(GoAway(reason: .credit, reconnectMs: 5, committed: Sequence64(6))),
            .close(final: Sequence64(3)),
            .adopt(Adopt(prior: stream, priorThrough: Sequence64(9), fromMs: -4, sessions: sessions)),
            .adopted(Adopted(count: 2, nextMs: .min, body: [1, 2, 3], isLast: true)),
        ]
    }

    static func side(of type: FrameType) -> FrameReader.Side { type.travels(to: .gateway) ? .gateway : .workstation }

    /// What a reader of either side makes of `bytes`: the frame or the refusal, nil while it needs more.
    static func read(_ bytes: [UInt8], phase: FrameReader.Phase = .open) -> Result<Frame, FrameRefusal>? {
        let type = bytes.count > 4 ? FrameType(rawValue: bytes[4]) : nil
        var reader = FrameReader(side: type.map { side(of: $0) } ?? .gateway)
        reader.phase = phase
        switch reader.next(in: bytes.span) {
        case .needMore: return nil
        case .refused(let refusal): return .failure(refusal)
        case .frame(let slice):
            do throws(FrameRefusal) {
                return .success(try FrameCodec.decode(slice, in: bytes.span))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("Every frame that is encoded is decoded to the same value, and asks for the rest until it is whole")
    func roundTrip() {
        for frame in Self.frames() {
            let bytes = FrameCodec.encode(frame)
            #expect(Self.read(bytes) == .success(frame))
            for length in 0..<bytes.count { #expect(Self.read(Array(bytes.prefix(length))) == nil) }
        }
    }

    @Test("A body that is a byte shorter or longer than its fields ends the connection")
    func strictLength() {
        for frame in Self.frames() {
            // Their bodies are what is left of the frame.
            if case .batch = frame { continue }
            if case .adopted = frame { continue }
            let bytes = FrameCodec.encode(frame)
            for change in [-1, 1] {
                var other = change < 0 ? Array(bytes.dropLast()) : bytes + [0]
                other[0] = UInt8(truncatingIfNeeded: other.count - 4)
                other[1] = UInt8(truncatingIfNeeded: (other.count - 4) >> 8)
                let expected: FrameRefusal = change < 0 ? .bodyTooShort : .bodyTooLong
                #expect(Self.read(other) == .failure(expected), "\(bytes[4]) \(change)")
            }
        }
    }

    @Test("Length, type, direction and flags are refused from the header alone, before the body is there")
    func header() {
        let cases: [(bytes: [UInt8], side: FrameReader.Side, phase: FrameReader.Phase, refusal: FrameRefusal)] = [
            ([1, 0, 0, 0, 9, 0], .gateway, .open, .lengthBelowMin),
            ([0, 0, 0, 0, 9, 0], .gateway, .open, .lengthBelowMin),
            ([0x41, 0, 1, 0, 3, 0], .gateway, .open, .lengthAboveMax),
            ([0xff, 0xff, 0xff, 0xff, 3, 0], .gateway, .open, .lengthAboveMax),
            ([1, 4, 0, 0, 1, 0], .gateway, .hello, .lengthAboveMax),
            ([10, 0, 0, 0, 0, 0], .gateway, .open, .unknownType),
            ([10, 0, 0, 0, 15, 0], .gateway, .open, .unknownType),
            ([10, 0, 0, 0, 4, 0], .gateway, .open, .wrongDirection),
            ([10, 0, 0, 0, 3, 0], .workstation, .open, .wrongDirection),
            ([10, 0, 0, 0, 9, 1], .gateway, .open, .undefinedFlag),
            ([10, 0, 0, 0, 3, 2], .gateway, .open, .undefinedFlag),
        ]
        for test in cases {
            var reader = FrameReader(side: test.side)
            reader.phase = test.phase
            #expect(reader.next(in: test.bytes.span) == .refused(test.refusal))
        }
        var reader = FrameReader(side: .gateway)
        reader.phase = .open
        #expect(reader.next(in: [0x40, 0, 1, 0, 3, 0].span) == .needMore(65_598))
        #expect(reader.next(in: [9, 9, 2, 0].span, from: 2) == .needMore(4))
    }

    @Test("A changed byte anywhere in a frame is refused or read as exactly what it says; it never traps")
    func changedBytes() {
        let seed: UInt64 = 0x6672_616d_6573
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let frames = Self.frames().map { FrameCodec.encode($0) }
        for _ in 0..<Effort.of(200_000) {
            var bytes = random.pick(frames)
            for _ in 0...Int.random(in: 0...2, using: &random) {
                bytes[Int.random(in: 4..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if case .success(let frame) = Self.read(bytes) { #expect(FrameCodec.encode(frame) == bytes) }
        }
    }

    @Test("The largest ADOPTED, ADOPT, HELLO and WELCOME fit their limits")
    func largest() throws {
        let session = try #require(Self.session)
        let body = [UInt8](repeating: 1, count: Limits.batchRawBytesMax)
        let adopted = Frame.adopted(Adopted(count: 4_096, nextMs: .max, body: body, isLast: false))
        #expect(Self.read(FrameCodec.encode(adopted)) == .success(adopted))
        let adopt = Frame.adopt(
            Adopt(
                prior: Self.stream, priorThrough: Sequence64(Limits.sequenceMax), fromMs: .max,
                sessions: Array(repeating: session, count: FrameCodec.adoptSessionsMax)))
        #expect(Self.read(FrameCodec.encode(adopt)) == .success(adopt))
        for frame in Self.frames() where [1, 2].contains(FrameCodec.encode(frame)[4]) {
            var largest = frame
            if case .hello(var hello) = frame {
                hello.credential = .token(Array(repeating: 1, count: 255))
                largest = .hello(hello)
            }
            if case .welcome(var welcome) = frame {
                welcome.ignoredOptions = Array(repeating: 7, count: FrameCodec.optionsMax)
                largest = .welcome(welcome)
            }
            #expect(Self.read(FrameCodec.encode(largest), phase: .hello) == .success(largest))
        }
    }
}
