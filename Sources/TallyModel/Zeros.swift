private let zeros = [UInt8](repeating: 0, count: 4_096)

extension [UInt8] {
    /// Appends `count` zeros, in copies of a block of them. `append(contentsOf: repeatElement(0, count:))` goes byte by byte
    /// through calls where nothing is optimised: a microsecond each, seconds for one buffer of a batch.
    package mutating func appendZeros(_ count: Int) {
        var left = count
        while left > 0 {
            let part = Swift.min(left, zeros.count)
            append(contentsOf: zeros[..<part])
            left -= part
        }
    }
}
