import TallyIO
import TallyModel

/// A person's word that this workstation is to keep still: nothing is read, nothing is sent. The file `pause` of the home,
/// 0600, so that it outlives every program and restart.
///
///     tally-pause 1
///     until_ms N      absent: until `tally resume`
package struct PauseMark: Hashable, Sendable {
    static let fileName = "pause"
    static let bytesMax = 4_096

    /// When it ends by itself, milliseconds since 1970; nil for never.
    package var untilMs: Int64?

    package init(untilMs: Int64?) { self.untilMs = untilMs }

    package func holds(atMs nowMs: Int64) -> Bool { untilMs.map { nowMs < $0 } ?? true }

    package func encode() -> [UInt8] {
        Array("tally-pause 1\n\(untilMs.map { "until_ms \($0)\n" } ?? "")".utf8)
    }

    /// A file that cannot be understood still says that a person wanted stillness: it holds until `tally resume`.
    package init(decoding bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 3, lines[0] == "tally-pause 1", lines[1].hasPrefix("until_ms "), lines[2].isEmpty,
            let until = Int64(lines[1].dropFirst("until_ms ".count))
        else {
            self.init(untilMs: nil)
            return
        }
        self.init(untilMs: until)
    }

    /// What a person reads.
    package var words: String {
        untilMs.map { "paused until \(TimeText.utc($0))" } ?? "paused until tally resume"
    }
}

/// How long a pause is to last, as a person writes it.
package enum PauseSpan {
    private static let units: [(letter: Character, ms: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
    ]

    /// `90s`, `30m`, `1h30m`, `2d`: larger units first, each once, a second to `Limits.pauseMsMax`; nil for all else.
    package static func milliseconds(_ text: String) -> Int64? {
        var rest = text[...]
        var total: Int64 = 0
        for unit in units {
            guard let end = rest.firstIndex(where: { !$0.isASCII || !$0.isNumber }), rest[end] == unit.letter else {
                continue
            }
            guard let count = Int64(rest[..<end]), count <= Limits.pauseMsMax / unit.ms else { return nil }
            total += count * unit.ms
            rest = rest[rest.index(after: end)...]
        }
        return rest.isEmpty && (1_000...Limits.pauseMsMax).contains(total) ? total : nil
    }
}

extension Home {
    /// The pause that holds at `nowMs`; nil if none does.
    package func pause(atMs nowMs: Int64) throws(WorkstationError) -> PauseMark? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try folder.readWhole(PauseMark.fileName, limit: PauseMark.bytesMax)
        } catch {
            if error.isNotFound { return nil }
            throw .system(error)
        }
        let mark = PauseMark(decoding: bytes)
        return mark.holds(atMs: nowMs) ? mark : nil
    }

    /// Begins or changes a pause in one durable step; nil ends it.
    package func savePause(_ pause: PauseMark?) throws(WorkstationError) {
        try replace(PauseMark.fileName, with: pause?.encode())
    }
}
