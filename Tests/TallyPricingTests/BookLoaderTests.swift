import Foundation
import TallyModel
import TallyPricing
import Testing

@Suite("Reading a price book")
struct BookLoaderTests {
    static let good = """
        {"provider":"x","models":["m"],"dated":true,"valid_from":"2026-01-01","valid_to":null,\
        "rates":{"input":1000000,"output":2000000},"bands":[{"above":10,"rates":{"input":3,"output":4}}],\
        "speeds":{"fast":{"times":[3,2]}},"tiers":{"batch":{"rates":{"input":7,"output":8}}},\
        "regions":{"us":{"times":[11,10]}},"source":"s","checked_on":"2026-01-01"}
        """

    /// A replacement in the good row, and how the book is then refused.
    struct Case: Sendable, CustomTestStringConvertible {
        var old: String
        var new: String
        var field: String
        var problem: PriceProblem
        var testDescription: String { "\(field) \(problem)" }
    }

    static let cases: [Case] = [
        Case(old: #""dated":true"#, new: #""dated":true,"note":"x""#, field: "note", problem: .unknownKey),
        Case(old: #""dated":true"#, new: #""dated":1"#, field: "dated", problem: .wrongType),
        Case(old: #""dated":true,"#, new: "", field: "dated", problem: .missing),
        Case(old: #"["m"]"#, new: "[]", field: "models", problem: .empty),
        Case(old: #"["m"]"#, new: #"["M"]"#, field: "models", problem: .notALabel),
        Case(old: #"["m"]"#, new: #"["m","m"]"#, field: "models", problem: .overlap(withRow: 1)),
        Case(
            old: #""2026-01-01","valid_to""#, new: #""2026-02-30","valid_to""#, field: "valid_from", problem: .badDate),
        Case(old: #""2026-01-01","valid_to""#, new: #""1.1.2026","valid_to""#, field: "valid_from", problem: .badDate),
        Case(old: #""valid_to":null"#, new: #""valid_to":"2026-01-01""#, field: "valid_to", problem: .emptyPeriod),
        Case(old: #""valid_to":null,"#, new: "", field: "valid_to", problem: .missing),
        Case(old: #""input":1000000"#, new: #""input":-1"#, field: "rates.input", problem: .negative),
        Case(old: #""input":1000000"#, new: #""input":1000000000001"#, field: "rates.input", problem: .tooLarge),
        Case(old: #""input":1000000"#, new: #""inputs":1"#, field: "rates.inputs", problem: .unknownKey),
        Case(old: #""input":3"#, new: #""input":null"#, field: "bands[0].rates.input", problem: .wrongType),
        Case(old: #""above":10"#, new: #""from":0"#, field: "bands[0]", problem: .bandOrder),
        Case(old: #""above":10"#, new: #""above":10,"from":11"#, field: "bands[0].from", problem: .unknownKey),
        Case(old: #""fast""#, new: #""slow""#, field: "speeds.slow", problem: .unknownKey),
        Case(old: "[3,2]", new: "[3,0]", field: "speeds.fast.times", problem: .empty),
        Case(old: "[3,2]", new: "[3]", field: "speeds.fast.times", problem: .wrongType),
        Case(old: "[3,2]", new: "[1001,1]", field: "speeds.fast.times", problem: .tooLarge),
        Case(old: "[3,2]", new: "[-3,2]", field: "speeds.fast.times", problem: .negative),
        Case(old: "[3,2]", new: "[1,7]", field: "rates", problem: .notWholeFemto),
        Case(old: #"{"times":[3,2]}"#, new: "{}", field: "speeds.fast.rates", problem: .missing),
        Case(
            old: #"{"times":[3,2]}"#, new: #"{"times":[3,2],"rates":{}}"#, field: "speeds.fast.rates",
            problem: .unknownKey),
        Case(old: #""source":"s""#, new: #""source":"""#, field: "source", problem: .empty),
        Case(old: #""checked_on":"2026-01-01""#, new: #""checked_on":null"#, field: "checked_on", problem: .badDate),
    ]

    @Test("A book with a mistake is refused with its row and field", arguments: cases)
    func refused(_ wanted: Case) throws {
        let other = Self.good.replacingOccurrences(of: #"["m"]"#, with: #"["other"]"#)
        let bad = Self.good.replacingOccurrences(of: wanted.old, with: wanted.new)
        #expect(bad != Self.good)
        #expect(throws: PriceBookError.refused(row: 1, field: wanted.field, wanted.problem)) { try book(bad) }
        // An overlap with itself names its own row; everything else is the same in a later row.
        guard wanted.problem != .overlap(withRow: 1) else { return }
        #expect(throws: PriceBookError.refused(row: 2, field: wanted.field, wanted.problem)) {
            try book(other + "," + bad)
        }
    }

    @Test("A model is never priced twice at one time; periods that only touch are fine")
    func overlap() throws {
        let until = Self.good.replacingOccurrences(
            of: #""valid_from":"2026-01-01","valid_to":null"#, with: #""valid_from":null,"valid_to":"2026-01-01""#)
        let touching = try book(Self.good + "," + until)
        #expect(touching.knows(try require(Label("m"))))
        let over = until.replacingOccurrences(
            of: #""valid_to":"2026-01-01""#, with: #""valid_to":"2026-01-01T00:00:01Z""#)
        #expect(throws: PriceBookError.refused(row: 2, field: "models", .overlap(withRow: 1))) {
            try book(Self.good + "," + over)
        }
    }

    @Test("Own rates, multipliers and bands work together, and two sets of own rates do not")
    func alternatives() throws {
        let loaded = try book(Self.good.replacingOccurrences(of: "[3,2]", with: "[2,1]"))
        func price(_ change: (inout Event) -> Void) throws -> Price {
            let event = try usage("m") {
                $0.inputTokens = 10
                change(&$0)
            }
            return loaded.price(event, effectiveMs: november2026)
        }
        #expect(try price { _ in }.money?.femtoUSD == Int128(10 * 1_000_000_000))
        #expect(try price { $0.inputTokens = 11 }.money?.femtoUSD == Int128(11 * 3_000))
        #expect(try price { $0.tier = .batch }.money?.femtoUSD == Int128(10 * 7_000))
        #expect(try price { ($0.tier, $0.region) = (.batch, .us) }.money?.femtoUSD == Int128(10 * 7_700))
        let two = Self.good.replacingOccurrences(of: #"{"times":[11,10]}"#, with: #"{"rates":{"input":1,"output":1}}"#)
        let event = try usage("m") { ($0.tier, $0.region, $0.inputTokens) = (.batch, .us, 1) }
        #expect(try book(two).price(event, effectiveMs: november2026) == .unpriced(.combination))
    }

    @Test("An alternative may have bands of its own")
    func bandsOfAnAlternative() throws {
        let own = #""output":8},"bands":[{"above":10,"rates":{"input":5,"output":6}}]}"#
        let loaded = try book(Self.good.replacingOccurrences(of: #""output":8}}"#, with: own))
        let ten = try usage("m") { ($0.tier, $0.inputTokens) = (.batch, 10) }
        let eleven = try usage("m") { ($0.tier, $0.inputTokens) = (.batch, 11) }
        #expect(loaded.price(ten, effectiveMs: november2026).money?.femtoUSD == Int128(10 * 7_000))
        #expect(loaded.price(eleven, effectiveMs: november2026).money?.femtoUSD == Int128(11 * 5_000))
    }

    @Test("A threshold given as `from` includes its own number of tokens")
    func from() throws {
        let loaded = try book(Self.good.replacingOccurrences(of: #""above":10"#, with: #""from":10"#))
        let nine = try usage("m") { $0.inputTokens = 9 }
        let ten = try usage("m") { $0.inputTokens = 10 }
        #expect(loaded.price(nine, effectiveMs: november2026).money?.femtoUSD == Int128(9_000_000_000))
        #expect(loaded.price(ten, effectiveMs: november2026).money?.femtoUSD == Int128(30_000))
    }

    @Test(
        "What is not strict JSON is refused at its byte",
        arguments: [
            ("", 0, .endedEarly), ("{", 1, .endedEarly), ("{} x", 3, .trailingBytes), (#"{"a":1.5}"#, 6, .notWhole),
            (#"{"a":1e3}"#, 6, .notWhole), (#"{"a":01}"#, 7, .unexpectedByte), (#"{"a":1,"a":2}"#, 10, .duplicateKey),
            (#"{"a":"\n"}"#, 6, .stringByte), (#"{"a":99999999999999999999}"#, 23, .numberTooLarge),
            ("[[[[[[[[[[1]]]]]]]]]]", 9, .tooDeep), (#"{"a":tru}"#, 8, .unexpectedByte),
            (#"{"a":-}"#, 6, .unexpectedByte),
            (#"{"a":1,}"#, 7, .unexpectedByte), ("[1 2]", 3, .unexpectedByte), (#"{"é":1}"#, 2, .stringByte),
        ] as [(String, Int, JSONProblem)])
    func syntax(_ text: String, _ byte: Int, _ problem: JSONProblem) {
        #expect(throws: PriceBookError.syntax(byte: byte, problem)) {
            try PriceBook(bytes: Array(text.utf8), id: PriceBookID(1))
        }
    }

    @Test("A price book cut at any byte is refused and nothing else happens")
    func cut() throws {
        let whole = Array(#"{"format":1,"version":"v","prefixes":["a/"],"rows":[\#(Self.good)]}"#.utf8)
        _ = try PriceBook(bytes: whole, id: PriceBookID(1))
        for length in 0..<whole.count {
            #expect(throws: PriceBookError.self) { try PriceBook(bytes: Array(whole[..<length]), id: PriceBookID(1)) }
        }
    }

    @Test("A book of another format or without rows, or over its size, is refused")
    func head() {
        func refused(_ text: String) -> PriceBookError? {
            do throws(PriceBookError) { _ = try PriceBook(bytes: Array(text.utf8), id: PriceBookID(1)) } catch {
                return error
            }
            return nil
        }
        #expect(
            refused(#"{"format":2,"version":"v","prefixes":[],"rows":[]}"#)
                == .refused(row: nil, field: "format", .unknownFormat))
        #expect(
            refused(#"{"format":1,"version":"v","prefixes":[],"rows":[]}"#) == .refused(row: nil, field: "rows", .empty)
        )
        #expect(refused("{}") == .refused(row: nil, field: "format", .missing))
        let large = String(repeating: " ", count: Limits.priceBookBytesMax + 1)
        #expect(refused(large) == .tooLarge(bytes: Limits.priceBookBytesMax + 1))
    }

    @Test("The book in the program is the file in the sources, and it loads")
    func shipped() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/TallyPricing/Book/prices.json")
        #expect(try Data(contentsOf: file).elementsEqual(PriceBook.builtInBytes))
        let loaded = try builtIn()
        #expect(loaded.id == PriceBookID(7))
        #expect(!loaded.version.isEmpty)
    }
}
