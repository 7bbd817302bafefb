/// Overwriting what was refused, so that it stays nowhere in memory (docs/PRIVACY.md says what is promised of it).
///
/// Asked for where something is refused, never on the way of what is accepted.
extension Array where Element: FixedWidthInteger {
    /// Overwrites everything that this array's memory holds, what stands behind its end included; its count stays.
    /// It has to be the only holder of its memory: a copy keeps what it has.
    @inlinable
    package mutating func overwrite() {
        for index in indices { self[index] = 0 }
        let spare = capacity - count
        append(contentsOf: [Element](repeating: 0, count: spare))
        removeLast(spare)
    }
}
