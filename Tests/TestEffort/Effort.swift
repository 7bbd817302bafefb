/// How often a test repeats itself with other seeds.
///
/// Under a sanitizer a step costs five to twenty times as much and is looked at much more closely, while other seeds take
/// mostly the same ways: there a test takes fewer of them. A name that says "over 60 seeds" speaks of the plain run.
package enum Effort {
    #if TALLY_SANITIZES_ADDRESSES || TALLY_SANITIZES_THREADS
    private static let divisor = 6
    #else
    private static let divisor = 1
    #endif

    /// `count`, or under a sanitizer a part of it and at least one.
    package static func of<Number: FixedWidthInteger>(_ count: Number) -> Number {
        max(1, count / Number(divisor))
    }
}
