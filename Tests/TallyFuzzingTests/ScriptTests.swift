import Testing

@testable import TallyFuzzing

@Suite("Cases and their files")
struct ScriptTests {
    @Test("A case is the same for the same seed and number, and another for another")
    func deterministic() {
        var maker = CaseMaker(seed: 8, nowMs: ToyRoom.nowMs)
        var again = CaseMaker(seed: 8, nowMs: ToyRoom.nowMs + 1)
        var other = CaseMaker(seed: 9, nowMs: ToyRoom.nowMs)
        var same = 0
        for number in 0..<200 {
            let script = maker.script(number)
            #expect(script == again.script(number))
            if script.steps == other.script(number).steps { same += 1 }
        }
        // A few have nothing to choose.
        #expect(same < 20)
    }

    @Test("A thousand cases hold every family as often as it is meant to come")
    func families() {
        var maker = CaseMaker(seed: 12, nowMs: ToyRoom.nowMs)
        var counts: [Family: Int] = [:]
        for number in 0..<1_000 { counts[maker.script(number).family, default: 0] += 1 }
        for family in Family.allCases { #expect(counts[family] == family.perMille) }
        #expect(Family.whole == 1_000)
    }

    @Test("A case that is written to a file and read again is the same, of every family")
    func roundTrip() throws {
        var maker = CaseMaker(seed: 3, nowMs: ToyRoom.nowMs)
        for family in Family.allCases {
            for number in 0..<20 {
                let script = maker.script(number, of: family)
                let again = try ScriptText.script(ScriptText.text(script))
                #expect(again == script)
            }
        }
    }

    @Test(
        "A file that is no case is refused with its line",
        arguments: [
            ("", 1), ("tallyfuzz case 1", 1), ("hello", 1), ("tallyfuzz case 1\nopen door", 2),
            ("tallyfuzz case 1\nopen session\nsend type=3 x:0", 3), ("tallyfuzz case 1\n\nagain 0", 3),
            ("tallyfuzz case 1\nsend type=9 u12:4", 2), ("tallyfuzz case 1\npause -1", 2),
        ])
    func refused(text: String, line: Int) {
        do throws(ScriptError) {
            let script = try ScriptText.script(text)
            Issue.record("taken: \(script)")
        } catch {
            #expect(error.line == line)
        }
    }
}
