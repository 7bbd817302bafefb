import TallyModel
import TestEffort
import Testing
import VectorFiles

@testable import TallyWire

@Suite("Frame vectors hold")
struct FrameVectorTests {
    struct FrameCase: Decodable {
        var name: String
        var phase: String
        var to: String
        var bytes: String
        var frame: [String: VectorValue]?
        var error: String?
    }

    @Test("Every frame of the vectors is read as what it says and written to the same bytes, or ends the connection")
    func frames() throws {
        let cases = try Vectors.cases("frames-", as: FrameCase.self)
        for test in cases { try check(test) }
        #expect(cases.contains { $0.frame != nil } && cases.contains { $0.error != nil })
    }

    private func check(_ test: FrameCase) throws {
        let bytes = try Vectors.bytes(test.bytes)
        let side: FrameReader.Side = test.to == "gateway" ? .gateway : .workstation
        let outcome = FrameVectorTests.read(bytes, to: side, phase: test.phase == "hello" ? .hello : .open)
        if let fields = test.frame {
            let frame = try Frame(vector: fields)
            #expect(outcome == .success(frame), "\(test.name)")
            let written = FrameCodec.encode(frame)
            #expect(written == bytes, "\(test.name)")
            return
        }
        guard case .failure(let refusal) = outcome else {
            Issue.record("\(test.name) is taken: \(String(describing: outcome))")
            return
        }
        let reason = snakeCase("\(refusal.goAway)")
        #expect(reason == test.error, "\(test.name): \(refusal)")
    }

    @Test("What is read through before it has leave is taken and refused like what is decoded, and says the same")
    func readThrough() throws {
        var taken: Set<FrameType> = []
        for test in try Vectors.cases("frames-", as: FrameCase.self) {
            let bytes = try Vectors.bytes(test.bytes)
            for phase in [FrameReader.Phase.hello, .open] {
                var reader = FrameReader(side: .gateway)
                reader.phase = phase
                guard case .frame(let slice) = reader.next(in: bytes.span) else { continue }
                let isTaken = try Self.isReadThroughAlike(slice, bytes)
                #expect(isTaken != nil, "\(test.name)")
                if isTaken == true { taken.insert(slice.type) }
            }
        }
        #expect(taken.isSuperset(of: [.hello, .skip, .adopt]))
    }

    @Test("A changed byte is refused by the reading through exactly where decoding refuses it")
    func changedBytes() throws {
        let seed: UInt64 = 0x7468_726f_7567_68
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let frames = FrameTests.frames().map { FrameCodec.encode($0) }.filter { [1, 6, 13].contains($0[4]) }
        var refused = 0
        for _ in 0..<Effort.of(50_000) {
            var bytes = random.pick(frames)
            for _ in 0...Int.random(in: 0...2, using: &random) {
                bytes[Int.random(in: 6..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var reader = FrameReader(side: .gateway)
            reader.phase = .open
            guard case .frame(let slice) = reader.next(in: bytes.span) else { continue }
            let isTaken = try Self.isReadThroughAlike(slice, bytes)
            if isTaken == false { refused += 1 }
            if isTaken == nil { Issue.record("\(bytes)") }
        }
        #expect(refused > Effort.of(1_000))
    }

    /// Whether a frame is taken, by both ways of reading it; nil where they differ.
    static func isReadThroughAlike(_ slice: FrameSlice, _ bytes: [UInt8]) throws -> Bool? {
        let decoded: Frame?
        var refusal: FrameRefusal?
        do throws(FrameRefusal) { decoded = try FrameCodec.decode(slice, in: bytes.span) } catch {
            decoded = nil
            refusal = error
        }
        do throws(FrameRefusal) {
            switch (slice.type, decoded) {
            case (.hello, let frame):
                let (header, place) = try FrameCodec.helloHeader(slice, in: bytes.span)
                guard case .hello(let hello) = frame else { return nil }
                if case .token(let token) = hello.credential, token != Array(bytes[place]) { return nil }
                var needed = hello
                needed.acknowledged.totals = .zero
                needed.options = hello.options.map { HelloOption(id: $0.id, value: []) }
                if header.credential == .token { needed.credential = .token([]) }
                let kept = try FrameCodec.hello(slice, in: bytes.span, keeping: .needed)
                return kept == needed && header == HelloHeader(hello) ? true : nil
            case (.skip, let frame):
                let header = try FrameCodec.skipHeader(slice, in: bytes.span)
                guard case .skip(let skip) = frame else { return nil }
                return header == SkipHeader(skip) ? true : nil
            case (.adopt, let frame):
                let sessions = try FrameCodec.adoptSessions(slice, in: bytes.span)
                guard case .adopt(let adopt) = frame else { return nil }
                return adopt.sessions.count == sessions ? true : nil
            default: return decoded != nil
            }
        } catch {
            return error == refusal ? false : nil
        }
    }

    /// What `side` makes of `bytes`; nil while it waits for more, which no case may ask for.
    static func read(
        _ bytes: [UInt8], to side: FrameReader.Side, phase: FrameReader.Phase
    ) -> Result<Frame, FrameRefusal>? {
        var reader = FrameReader(side: side)
        reader.phase = phase
        switch reader.next(in: bytes.span) {
        case .needMore: return nil
        case .refused(let refusal): return .failure(refusal)
        case .frame(let slice):
            guard slice.body.upperBound == bytes.count else { return nil }
            do throws(FrameRefusal) {
                return .success(try FrameCodec.decode(slice, in: bytes.span))
            } catch {
                return .failure(error)
            }
        }
    }
}
