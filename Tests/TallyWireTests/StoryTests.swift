import TallyModel
import Testing
import VectorFiles

@testable import TallyWire

@Suite("Stories hold")
struct StoryTests {
    struct Story: Decodable {
        struct Step: Decodable {
            var from: String
            var connection: Int
            var frame: [String: VectorValue]
            var bytes: String
            var isWorkstation: Bool { from == "workstation" }
        }
        var name: String
        var steps: [Step]
    }

    @Test("Every frame of a story is read as what it says and written to the same bytes")
    func frames() throws {
        for story in try Vectors.cases("stories-", as: Story.self) {
            for (number, step) in story.steps.enumerated() {
                let bytes = try Vectors.bytes(step.bytes)
                let frame = try Frame(vector: step.frame)
                var phase = FrameReader.Phase.open
                if case .hello = frame { phase = .hello }
                let side: FrameReader.Side = step.isWorkstation ? .gateway : .workstation
                let outcome = FrameVectorTests.read(bytes, to: side, phase: phase)
                #expect(outcome == .success(frame), "\(story.name), step \(number)")
                let written = FrameCodec.encode(frame)
                #expect(written == bytes, "\(story.name), step \(number)")
            }
        }
    }

    @Test("A gateway's session answers the workstation of every story as the story tells")
    func answers() throws {
        var answers = 0
        for story in try Vectors.cases("stories-", as: Story.self) { answers += try follow(story) }
        #expect(answers >= 50)
    }

    /// The number of answers that were compared.
    private func follow(_ story: Story) throws -> Int {
        var gateway = StoryGateway()
        var answers = 0
        let frames = try story.steps.map { try Frame(vector: $0.frame) }
        for (number, step) in story.steps.enumerated() {
            let expected = frames[number]
            let place = "\(story.name), step \(number)"
            if step.isWorkstation {
                let rest = zip(story.steps, frames).dropFirst(number + 1)
                let told = rest.filter { !$0.0.isWorkstation && $0.0.connection == step.connection }.map(\.1)
                try gateway.hear(expected, on: step.connection, before: told.first, welcome: welcome(told.first))
                continue
            }
            if isRestOfAdoption(expected, after: frames[number - 1]) { continue }
            gateway.act(before: expected, on: step.connection)
            let own = gateway.next(on: step.connection).map { withoutChoices($0) }
            #expect(own == withoutChoices(expected), "\(place)")
            answers += 1
        }
        let unheard = gateway.said.values.flatMap { $0 }.filter { !isSuperseded($0) }
        #expect(unheard.isEmpty, "\(story.name)")
        return answers
    }

    /// A connection that was lost before the stream was taken over does not hear so.
    private func isSuperseded(_ frame: Frame) -> Bool {
        guard case .goaway(let goaway) = frame else { return false }
        return goaway.reason == .superseded
    }

    private func welcome(_ frame: Frame?) -> Welcome? {
        guard case .welcome(let welcome) = frame else { return nil }
        return welcome
    }

    /// An answer to ADOPT may take several frames; the first of them stands for all.
    private func isRestOfAdoption(_ frame: Frame, after before: Frame) -> Bool {
        guard case .adopted = frame, case .adopted = before else { return false }
        return true
    }

    /// How long to wait is the gateway's choice (SPEC section 7).
    private func withoutChoices(_ frame: Frame) -> Frame {
        switch frame {
        case .reject(var reject):
            reject.retryMs = 0
            return .reject(reject)
        case .goaway(var goaway):
            goaway.reconnectMs = 0
            return .goaway(goaway)
        default: return frame
        }
    }
}
