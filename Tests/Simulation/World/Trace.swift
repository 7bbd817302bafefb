/// What happened, as a running hash, and as readable lines where somebody wants to read them.
///
/// The hash takes in every happening of every run: two runs of one seed must end with the same one (I15). Lines cost
/// more than the run itself, so they are made only in a replay.
package struct Trace {
    /// The last so many lines are kept.
    package static let linesMax = 4_000

    package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    package let isReadable: Bool
    private var ring: [String] = []
    private var next = 0
    package private(set) var lines: UInt64 = 0

    init(isReadable: Bool) { self.isReadable = isReadable }

    mutating func note(_ at: UInt64, _ first: UInt64, _ second: UInt64, _ text: () -> String) {
        mix(at)
        mix(first)
        mix(second)
        lines += 1
        guard isReadable else { return }
        let line = "\(Trace.stamp(at)) \(text())"
        if ring.count < Trace.linesMax {
            ring.append(line)
        } else {
            ring[next] = line
            next = (next + 1) % Trace.linesMax
        }
    }

    /// The lines that are left, oldest first.
    package var text: [String] { Array(ring[next...] + ring[..<next]) }

    private mutating func mix(_ word: UInt64) {
        var word = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
        word ^= word >> 32
        hash = word &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 29
    }

    /// Seconds and microseconds.
    static func stamp(_ at: UInt64) -> String {
        let micros = "\(at / 1_000 % 1_000_000)"
        return "\(at / 1_000_000_000)." + String(repeating: "0", count: 6 - micros.utf8.count) + micros
    }
}
