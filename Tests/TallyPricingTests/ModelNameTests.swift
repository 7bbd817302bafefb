import TallyModel
import TallyPricing
import Testing

@Suite("Finding the row of a label")
struct ModelNameTests {
    /// A label and one whose row it must share; nil = no row.
    static let cases: [(String, String?)] = [
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4@20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic/claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("openrouter/anthropic/claude-opus-4.5", "claude-opus-4-5"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("bedrock/us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("vertex_ai/claude-opus-4-7@default", "claude-opus-4-7"),
        ("openai/gpt-5.2", "gpt-5.2"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-5-codex", "gpt-5.1-codex"),
        // A version or suffix that no row names is never dropped.
        ("gpt-6.1-sol-codex", nil),
        ("gpt-5.2-codex", nil),
        ("gpt-4.1-codex", nil),
        ("claude-opus-4-9", nil),
        ("claude-opus-4-6-fast", nil),
        ("claude-opus-4-6:thinking", nil),
        ("claude-opus-4-20251301", nil),
        ("claude-opus-4-20250230", nil),
        ("claude-opus-4-2025051", nil),
        ("claude-opus-4-v", nil),
        ("claude-opus-4-v1:", nil),
        ("claude-opus-4:0", nil),
        ("anthropic/", nil),
        ("anthropic/anthropic/anthropic/anthropic/claude-opus-5", nil),
        ("stealth/claude-opus-4.6", nil),
        ("claude", nil),
        ("constructor", nil),
        ("tostring", nil),
        ("unlisted", nil),
    ]

    @Test("A label finds the row that names it, by prefix and date alone", arguments: cases)
    func row(_ label: String, _ same: String?) throws {
        let book = try builtIn()
        let found = book.model(try require(Label(label)))
        #expect(found == (try same.flatMap { book.model(try require(Label($0))) }))
        #expect((found == nil) == (same == nil))
        #expect(book.knows(try require(Label(label))) == (same != nil))
    }

    @Test("A dated name that has a row of its own does not take the undated row")
    func ownRow() throws {
        let book = try builtIn()
        let old = book.price(try usage("gpt-4o-2024-05-13") { $0.inputTokens = 1_000_000 }, effectiveMs: november2026)
        let new = book.price(try usage("gpt-4o-2024-08-06") { $0.inputTokens = 1_000_000 }, effectiveMs: november2026)
        #expect(microUSD(old) == 5_000_000)
        #expect(microUSD(new) == 2_500_000)
        #expect(book.model(try require(Label("gpt-4o-2024-05-13-20250101"))) == nil)
    }

    @Test("A model named __proto__ or constructor is only a name: no label, or no row")
    func prototype() throws {
        #expect(Label("__proto__") == nil)
        let book = try builtIn()
        for name in ["a__proto__", "constructor", "hasownproperty"] {
            #expect(book.price(try usage(name), effectiveMs: november2026) == .unpriced(.model))
        }
    }

    @Test("The memory of labels changes no price, however many labels a peer invents")
    func memory() throws {
        var pricer = Pricer(book: try builtIn())
        let real = try usage("claude-opus-5") { $0.inputTokens = 1 }
        for number in 0..<(Limits.pricedLabelsMax + 10) {
            #expect(pricer.model(try require(Label("made-up-\(number)"))) == nil)
        }
        #expect(microUSD(pricer.price(real, effectiveMs: november2026)) == 5)
        #expect(microUSD(pricer.price(real, effectiveMs: november2026)) == 5)
    }
}
