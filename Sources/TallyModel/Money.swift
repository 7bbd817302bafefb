/// An exact amount, as a whole number of femto-USD (10⁻¹⁵ USD).
///
/// A rate in USD per million tokens with two decimals is 10⁴ pico-USD a token; femto-USD leave room for the
/// rational multipliers of the price book (11/10, 1/2, …), so no product is ever rounded. The book is refused
/// where one would be. Sums are 128-bit and rounded once, half to even, on display.
package struct Money: Hashable, Comparable, Sendable {
    package var femtoUSD: Int128

    package static let zero = Money(femtoUSD: 0)

    package init(femtoUSD: Int128) { self.femtoUSD = femtoUSD }

    package static func + (left: Money, right: Money) -> Money { Money(femtoUSD: left.femtoUSD + right.femtoUSD) }
    package static func += (left: inout Money, right: Money) { left.femtoUSD += right.femtoUSD }
    package static func < (left: Money, right: Money) -> Bool { left.femtoUSD < right.femtoUSD }

    /// Nano-USD, rounded half to even.
    package var nanoUSDRounded: Int128 {
        let unit: Int128 = 1_000_000
        let (quotient, remainder) = femtoUSD.quotientAndRemainder(dividingBy: unit)
        let twice = remainder.magnitude * 2
        let isUp = twice > unit.magnitude || (twice == unit.magnitude && quotient % 2 != 0)
        return isUp ? quotient + (femtoUSD < 0 ? -1 : 1) : quotient
    }
}
