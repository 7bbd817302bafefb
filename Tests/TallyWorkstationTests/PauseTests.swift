import Foundation
import TallyIO
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Pause")
struct PauseTests {
    @Test("A pause is read back as it was said, for its owner alone, and ends at its time or when it is ended")
    func mark() throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        #expect(try home.pause(atMs: 0) == nil)
        try home.savePause(PauseMark(untilMs: 5_000))
        #expect(try home.folder.facts("pause").mode == 0o600)
        #expect(try home.pause(atMs: 4_999) == PauseMark(untilMs: 5_000))
        #expect(try home.pause(atMs: 5_000) == nil)
        try home.savePause(PauseMark(untilMs: nil))
        #expect(try Home(path: scratch.file("home")).pause(atMs: .max) == PauseMark(untilMs: nil))
        try home.savePause(nil)
        #expect(try home.pause(atMs: 0) == nil)
        try home.savePause(nil)
    }

    @Test(
        "A mark that cannot be understood holds until resume: a person wanted stillness",
        arguments: [
            "", "tally-pause 2\nuntil_ms 1\n", "tally-pause 1\nuntil_ms x\n", "tally-pause 1\nuntil_ms 1", "\u{0}",
        ])
    func damaged(text: String) throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        try home.folder.writeDurably("pause", Array(text.utf8).span)
        #expect(try home.pause(atMs: .max) == PauseMark(untilMs: nil))
    }

    @Test(
        "A duration is read in days, hours, minutes and seconds",
        arguments: [
            ("90s", 90_000), ("30m", 1_800_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("366d", 31_622_400_000),
        ]
            as [(String, Int64)])
    func spans(text: String, ms: Int64) {
        #expect(PauseSpan.milliseconds(text) == ms)
    }

    @Test(
        "What is no duration is refused",
        arguments: [
            "", "5", "0s", "-1h", "1h-5m", "m", "30m1h", "1h1h", "1.5h", "367d", "366d1s", "99999999999999999999s",
            "1h ", "١h",
        ])
    func badSpans(text: String) {
        #expect(PauseSpan.milliseconds(text) == nil)
    }
}
