import TallyModel
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

    @Test("A HELLO in place is taken and refused like a copied one, and its credential stands where it says")
    func helloInPlace() throws {
        var taken = 0
        for test in try Vectors.cases("frames-", as: FrameCase.self) {
            let bytes = try Vectors.bytes(test.bytes)
            guard case .frame(let slice) = FrameReader(side: .gateway).next(in: bytes.span), slice.type == .hello else {
                continue
            }
            let copied = Self.read(bytes, to: .gateway, phase: .hello)
            do throws(FrameRefusal) {
                let (told, place) = try FrameCodec.helloInPlace(slice, in: bytes.span)
                var hello = told
                taken += 1
                #expect(hello.options.allSatisfy { $0.value.isEmpty })
                guard case .success(.hello(let whole)) = copied else {
                    Issue.record("\(test.name) is refused when copied")
                    continue
                }
                if case .token(let token) = whole.credential { #expect(token == Array(bytes[place])) }
                #expect(hello.options.map(\.id) == whole.options.map(\.id))
                (hello.credential, hello.options) = (whole.credential, whole.options)
                #expect(hello == whole)
            } catch {
                #expect(copied == .failure(error), "\(test.name)")
            }
        }
        #expect(taken > 0)
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
