/// A JSON number as it was written: `digits` times 10^-`scale`, so that money never passes through a float.
package struct JSONDecimal: Hashable, Sendable {
    package private(set) var digits: UInt64 = 0
    /// Digits behind the point, less the exponent; negative for large numbers.
    package private(set) var scale = 0
    package private(set) var isNegative = false
    /// Digits beyond the eighteenth were dropped: `digits` is rounded down.
    package private(set) var isInexact = false

    private static let digitsMax: UInt64 = 100_000_000_000_000_000
    private static let scaleMax = 400

    package init() {}

    /// This number in units of 10^-`places`, rounded half to even; nil if negative or too large.
    package func scaled(places: Int) -> UInt64? {
        if isNegative && digits > 0 { return nil }
        if digits == 0 { return 0 }
        var value = digits
        var shift = places - scale
        while shift > 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
            shift -= 1
        }
        guard shift < 0 else { return value }
        guard shift >= -18 else { return 0 }
        var unit: UInt64 = 1
        for _ in 0..<(-shift) { unit *= 10 }
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: unit)
        let isPastHalf = rest > unit / 2 || (rest == unit / 2 && (isInexact || quotient & 1 == 1))
        return isPastHalf ? quotient + 1 : quotient
    }

    /// Reads the number that begins at `position` and moves behind it.
    mutating func read(_ bytes: Span<UInt8>, at position: inout Int) throws(JSONError) {
        let start = position
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") {
            isNegative = true
            position += 1
        }
        guard position < bytes.count else { throw .truncated }
        let isZero = bytes[position] == UInt8(ascii: "0")
        let whole = readDigits(bytes, at: &position, isFraction: false)
        guard whole > 0 else { throw .unfit(at: start) }
        if isZero && whole > 1 { throw .malformed(at: start) }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard readDigits(bytes, at: &position, isFraction: true) > 0 else { throw .malformed(at: start) }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            try readExponent(bytes, at: &position, start: start)
        }
    }

    private mutating func readDigits(_ bytes: Span<UInt8>, at position: inout Int, isFraction: Bool) -> Int {
        let start = position
        while position < bytes.count, case let digit = bytes[position] &- 0x30, digit < 10 {
            if digits < JSONDecimal.digitsMax {
                digits = digits * 10 + UInt64(digit)
                if isFraction { scale += 1 }
            } else {
                if digit != 0 { isInexact = true }
                if !isFraction { scale -= 1 }
            }
            position += 1
        }
        return position - start
    }

    private mutating func readExponent(
        _ bytes: Span<UInt8>, at position: inout Int, start: Int
    ) throws(JSONError) {
        var isDown = false
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
            isDown = bytes[position] == UInt8(ascii: "-")
            position += 1
        }
        var exponent = 0
        let first = position
        while position < bytes.count, case let digit = bytes[position] &- 0x30, digit < 10 {
            exponent = min(exponent * 10 + Int(digit), JSONDecimal.scaleMax)
            position += 1
        }
        guard position > first else { throw .malformed(at: start) }
        scale += isDown ? exponent : -exponent
    }
}
