import TallyModel

/// A string of a body, where it stands. Protobuf has its bytes as they are, JSON with escapes.
struct OTLPText: Hashable, Sendable {
    let text: JSONText
    let isRaw: Bool

    init(_ text: JSONText) {
        self.text = text
        isRaw = false
    }

    init(raw range: Range<Int>) {
        text = JSONText(start: range.lowerBound, end: range.upperBound, hasEscapes: false)
        isRaw = true
    }

    /// The bytes for hashing or for a label; nil where it is empty or longer than `bytesMax`.
    func copied(_ bytes: Span<UInt8>, bytesMax: Int) -> [UInt8]? {
        guard text.count > 0 else { return nil }
        guard isRaw else { return text.copied(bytes, bytesMax: bytesMax) }
        guard text.count <= bytesMax else { return nil }
        var copy: [UInt8] = []
        copy.reserveCapacity(text.count)
        for index in text.start..<text.end { copy.append(bytes[index]) }
        return copy
    }
}

/// An attribute's value. Arrays, maps, bytes and what is of no use are `other`, and nothing is kept of them.
enum OTLPValue: Hashable, Sendable {
    case text(OTLPText)
    case integer(Int64)
    /// As JSON writes it.
    case decimal(JSONDecimal)
    /// As protobuf has it: the bits of a 64-bit float.
    case double(UInt64)
    case other
}

/// Numbers out of values. SDKs send one and the same number as an integer, as a float or as text.
enum OTLPNumber {
    private static let digitsMax = 32

    /// A whole number that is not negative; nil for anything else.
    static func whole(_ value: OTLPValue, _ bytes: Span<UInt8>) -> UInt64? {
        switch value {
        case .integer(let number): UInt64(exactly: number)
        case .decimal(let number): number.wholeNumber
        case .double(let bits): UInt64(exactly: Double(bitPattern: bits))
        case .text(let text): decimal(text, bytes)?.wholeNumber
        case .other: nil
        }
    }

    /// Any number that is not negative, rounded half to even to whole ones.
    static func rounded(_ value: OTLPValue, _ bytes: Span<UInt8>) -> UInt64? { scaled(value, places: 0, bytes) }

    /// Dollars in nano-USD, rounded half to even.
    static func nanoUSD(_ value: OTLPValue, _ bytes: Span<UInt8>) -> UInt64? { scaled(value, places: 9, bytes) }

    private static func scaled(_ value: OTLPValue, places: Int, _ bytes: Span<UInt8>) -> UInt64? {
        switch value {
        case .integer(let number):
            guard let number = UInt64(exactly: number) else { return nil }
            let (product, isOver) = number.multipliedReportingOverflow(by: places == 9 ? 1_000_000_000 : 1)
            return isOver ? nil : product
        case .decimal(let number): return number.scaled(places: places)
        case .text(let text): return decimal(text, bytes)?.scaled(places: places)
        case .double(let bits): return scaled(bits, by: places == 9 ? 1_000_000_000 : 1)
        case .other: return nil
        }
    }

    /// A float times `unit`, rounded half to even, in integers alone: mantissa × 2^exponent × unit.
    ///
    /// The sender had a decimal, and its float is the nearest there is: off by less than one part in 2^53. So nano-USD
    /// come out as written up to 2^52 of them, which is 4,500,000 dollars for one call.
    private static func scaled(_ bits: UInt64, by unit: UInt64) -> UInt64? {
        let exponentBits = Int(bits >> 52 & 0x7FF)
        let fraction = bits & (1 << 52 - 1)
        if exponentBits == 0 && fraction == 0 { return 0 }
        guard bits >> 63 == 0, exponentBits != 0x7FF else { return nil }
        let mantissa = exponentBits == 0 ? fraction : fraction | 1 << 52
        // The value is mantissa × 2^shift. 53 bits and the unit's 30 fit in 128 with room for a shift of 40.
        let shift = max(exponentBits, 1) - 1_075
        let product = UInt128(mantissa) * UInt128(unit)
        if shift >= 0 { return shift <= 40 ? UInt64(exactly: product << UInt128(shift)) : nil }
        guard shift > -120 else { return 0 }
        let unitOfLast = UInt128(1) << UInt128(-shift)
        let (quotient, rest) = product.quotientAndRemainder(dividingBy: unitOfLast)
        let half = unitOfLast >> 1
        let isUp = rest > half || (rest == half && quotient & 1 == 1)
        return UInt64(exactly: isUp ? quotient + 1 : quotient)
    }

    /// Text that is one number and nothing else.
    static func decimal(_ text: OTLPText, _ bytes: Span<UInt8>) -> JSONDecimal? {
        guard let copy = text.copied(bytes, bytesMax: digitsMax) else { return nil }
        var number = JSONDecimal()
        var position = 0
        do throws(JSONError) { try number.read(copy.span, at: &position) } catch { return nil }
        return position == copy.count ? number : nil
    }
}

extension JSONDecimal {
    /// This number if it is whole, exact and not negative.
    var wholeNumber: UInt64? {
        guard !isInexact, !isNegative || digits == 0 else { return nil }
        guard scale > 0 else { return scaled(places: 0) }
        var rest = digits
        for _ in 0..<min(scale, 20) {
            guard rest % 10 == 0 else { return nil }
            rest /= 10
        }
        return rest
    }
}
