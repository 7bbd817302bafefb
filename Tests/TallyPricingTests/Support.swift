import TallyModel
import TallyPricing

/// A small seeded generator (splitmix64), so that a failing seed can be run again.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

struct Unexpected: Error {}

func require<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Unexpected() }
    return value
}

func builtIn() throws -> PriceBook { try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(7)) }

func book(_ rows: String, prefixes: String = "[]") throws(PriceBookError) -> PriceBook {
    let text = #"{"format":1,"version":"test","prefixes":\#(prefixes),"rows":[\#(rows)]}"#
    return try PriceBook(bytes: Array(text.utf8), id: PriceBookID(1))
}

/// 2026-11-01T00:00:00Z.
let november2026: Int64 = 1_793_491_200_000
/// 2026-10-07T00:00:00Z.
let october7th: Int64 = 1_791_331_200_000

func usage(_ model: String, _ change: (inout Event) -> Void = { _ in }) throws -> Event {
    let session = try require(SessionID(Bytes16(high: 1, low: 2)))
    var event = Event(
        timeMs: november2026, session: session, agent: .claudeCode, model: try require(Label(model)))
    change(&event)
    return event
}

/// Micro-USD, exactly; nil where unpriced or not whole.
func microUSD(_ price: Price) -> Int128? {
    guard let femto = price.money?.femtoUSD, femto % 1_000_000_000 == 0 else { return nil }
    return femto / 1_000_000_000
}
