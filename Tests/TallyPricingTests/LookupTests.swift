import TallyModel
import TallyPricing
import TallyRollup
import Testing

@Suite("Showing a price")
struct LookupTests {
    /// A label, and how it finds its row in the shipped book.
    struct Case: Sendable, CustomTestStringConvertible {
        var label: String
        var name: String?
        var prefix = ""
        var tail = ""
        var testDescription: String { label }
    }

    static let cases: [Case] = [
        Case(label: "claude-opus-4-20250514", name: "claude-opus-4", tail: "-20250514"),
        Case(
            label: "us.anthropic.claude-opus-4-20250514-v1:0", name: "claude-opus-4", prefix: "us.anthropic.",
            tail: "-20250514-v1:0"),
        Case(
            label: "vertex_ai/claude-haiku-4-5@default", name: "claude-haiku-4-5", prefix: "vertex_ai/",
            tail: "@default"),
        Case(
            label: "bedrock/us.anthropic.claude-sonnet-4-6", name: "claude-sonnet-4-6", prefix: "bedrock/us.anthropic."),
        Case(
            label: "bedrock/eu.anthropic.claude-opus-4-6-v1", name: "eu.anthropic.claude-opus-4-6", prefix: "bedrock/",
            tail: "-v1"),
        Case(label: "jp.anthropic.claude-opus-4-8", name: "claude-opus-4-8", prefix: "jp.anthropic."),
        Case(label: "gpt-4o-2024-05-13", name: "gpt-4o-2024-05-13"),
        Case(label: "gpt-4o-2024-08-06", name: "gpt-4o", tail: "-2024-08-06"),
        Case(label: "gpt-5.2-codex", name: nil), Case(label: "claude-opus-4-9", name: nil),
        Case(label: "claude-opus-4-20251399", name: nil), Case(label: "proto__", name: nil),
    ]

    @Test("It is told which name a label found, and what was left out in front and behind", arguments: cases)
    func match(_ wanted: Case) throws {
        let label = try require(Label(wanted.label))
        let found = try builtIn().match(label)
        #expect(found?.name == wanted.name)
        guard let found else { return }
        #expect(found.prefix == wanted.prefix && found.tail == wanted.tail)
        #expect(found.prefix + found.name + found.tail == wanted.label)
        #expect(found.rows.allSatisfy { $0.names.contains(found.name) })
    }

    @Test(
        "The row that is shown is the row that prices, for every name of the shipped book, at every end of its periods")
    func shownIsPriced() throws {
        let book = try builtIn()
        var compared = 0
        for row in book.rows {
            for name in row.names {
                let match = try require(book.match(try require(Label(name))))
                let times =
                    [row.validFromMs, row.validToMs].compactMap { $0 }.flatMap { [$0 - 1, $0] } + [november2026]
                for ms in times {
                    let event = try usage(name) { $0.inputTokens = 1_000 }
                    var pricer = Pricer(book: book)
                    let price = pricer.price(event, effectiveMs: ms)
                    let shown = match.row(at: ms)?.bands[0].rates.first { $0.name == "input" }?.microUSD
                    // 1,000 tokens at micro-USD per million: a thousandth of it, in micro-USD; a millionth in femto.
                    #expect(price.money?.femtoUSD == shown.map { Int128($0) * 1_000_000 }, "\(name) at \(ms)")
                    compared += 1
                }
            }
        }
        #expect(compared > 80)
    }

    @Test("Names are proposed by how they begin, and a label that is like none gets no proposal")
    func alike() throws {
        let book = try builtIn()
        let alike = book.namesLike(try require(Label("openai/gpt-5.2-codex")))
        #expect(alike.first == "gpt-5.2" && alike.count == 5)
        #expect(book.namesLike(try require(Label("zzz"))).isEmpty)
    }

    @Test("Dollars are written exactly, with two decimals and more where they are needed")
    func dollars() {
        #expect(PriceText.usd(1_750_000) == "$1.75")
        #expect(PriceText.usd(25_000) == "$0.025")
        #expect(PriceText.usd(1) == "$0.000001")
        #expect(PriceText.usd(10_000_000) == "$10.00")
    }

    static let row = """
        {"provider":"x","models":["m","m-2"],"dated":true,"valid_from":null,"valid_to":"2026-10-25T00:30:00Z",\
        "rates":{"input":1000000,"output":2000000},"bands":[{"above":10,"rates":{"input":3,"output":4}}],\
        "tiers":{"batch":{"times":[1,2]}},"source":"s","checked_on":"2026-01-01"}
        """
    static let next = """
        {"provider":"x","models":["m"],"dated":true,"valid_from":"2026-10-25T00:30:00Z","valid_to":null,\
        "rates":{"input":5000000,"output":2000000},"source":"s","checked_on":"2026-01-01"}
        """

    @Test("A row that ends in the hour that Europe's clocks repeat ends at one instant, to the millisecond")
    func endsInRepeatedHour() throws {
        let book = try book(Self.row + "," + Self.next)
        // 02:30 in Berlin comes twice that night: at 00:30 and at 01:30 UTC.
        let end: Int64 = 1_792_888_200_000
        let event = try usage("m") { $0.inputTokens = 1 }
        for (ms, micro) in [(end - 1, 1), (end, 5), (end + 3_599_999, 5), (end + 3_600_000, 5)] as [(Int64, Int128)] {
            var pricer = Pricer(book: book)
            #expect(pricer.price(event, effectiveMs: ms).money?.femtoUSD == micro * 1_000_000_000, "\(ms)")
        }
        #expect(book.rows.map(\.period) == ["before 2026-10-25T00:30:00Z", "from 2026-10-25T00:30:00Z"])
        let overlapping = Self.next.replacing("2026-10-25T00:30:00Z", with: "2026-10-25T00:29:59Z")
        #expect(throws: PriceBookError.refused(row: 2, field: "models", .overlap(withRow: 1))) {
            try self.book(Self.row, overlapping)
        }
    }

    private func book(_ rows: String...) throws(PriceBookError) -> PriceBook {
        try TallyPricingTests.book(rows.joined(separator: ","))
    }

    @Test("A book is compared row by row: what is the same is not told, wherever it stands")
    func comparison() throws {
        let old = try book(Self.row, Self.next)
        #expect(BookComparison(from: old, to: old).isEmpty)
        #expect(BookComparison(from: old, to: try book(Self.next, Self.row)).isEmpty)
        let dearer = Self.row.replacing(#""input":3"#, with: #""input":6"#).replacing(#"["m","m-2"]"#, with: #"["m"]"#)
        let added = Self.next.replacing(#"["m"]"#, with: #"["n"]"#)
        let change = BookComparison(from: old, to: try book(dearer, added))
        #expect(change.added.map(\.names) == [["n"]])
        #expect(change.removed.map(\.number) == [2])
        let fields = try require(change.changed.first).fields
        #expect(fields.map(\.name) == ["models", "input from 11 tokens"])
        #expect(fields.map(\.before) == ["m, m-2", "$0.000003"] && fields.map(\.after) == ["m", "$0.000006"])
        let without = Self.row.replacing(#""tiers":{"batch":{"times":[1,2]}},"#, with: "")
        let tier = try require(BookComparison(from: old, to: try book(without, Self.next)).changed.first)
        #expect(tier.fields.map(\.name) == ["tiers.batch"] && tier.fields.map(\.after) == [nil])
    }

    @Test("A book's number is 16 digits of one form")
    func numbers() {
        #expect(PriceBookID(0x0123_4567_89ab_cdef).name == "0123456789abcdef")
        #expect(PriceBookID(name: "000000000000002a") == PriceBookID(42))
        for wrong in ["2a", "000000000000002A", "00000000000000002a", "+00000000000002a", "zzzzzzzzzzzzzzzz"] {
            #expect(PriceBookID(name: wrong) == nil, "\(wrong)")
        }
    }

    @Test("What a subscription covers is a sum of its own, for usage and corrections, and a part of the cost")
    func subscription() throws {
        var pricer = Pricer(book: try builtIn())
        var counts = RollupCounts()
        for billing in Billing.allCases {
            let event = try usage("claude-opus-4-8") {
                $0.inputTokens = 1_000
                $0.billing = billing
                $0.reportedCostNanoUSD = 7
            }
            counts.fold(event, price: pricer.price(event, effectiveMs: november2026), effectiveMs: november2026)
        }
        let one: Int128 = 5_000_000_000_000
        #expect(counts.cost.femtoUSD == 4 * one)
        #expect(counts.subscriptionCost.femtoUSD == one)
        #expect(counts.reportedCostNanoUSD == 28)
    }
}
