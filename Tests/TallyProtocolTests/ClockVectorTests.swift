import TallyModel
import TallyProtocol
import TallyWire
import Testing
import VectorFiles

/// TG-8-3 by `protocol/vectors/times-all.json`.
@Suite("The vectors of clocks hold")
struct ClockVectorTests {
    struct Case: Decodable {
        var name: String
        var requirement: String
        var offset_ms: String
        var obeyed: Bool?
    }

    @Test("A workstation gives up what is called TOO_OLD where the vectors tell, and nowhere else")
    func obeyed() throws {
        let cases = try Vectors.cases("times-", as: Case.self).filter { $0.requirement == "TG-8-3" }
        #expect(cases.count >= 7)
        for test in cases {
            // The samples' own clock stands at 5,000 when they say HELLO.
            let offset = try #require(Int64(test.offset_ms))
            var session = Samples.workstation(clockMs: 5_000 + offset)
            session.send(through: 2)
            let action = session.hear(.reject(Samples.reject(1, .tooOld, run: 2)))
            #expect((action != .none) == test.obeyed, "\(test.name)")
        }
    }
}
