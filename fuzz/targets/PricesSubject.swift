import TallyModel
import TallyPricing

/// The price book's file.
///
/// Promises: a book that loads prices any event of the schema without a trap, the same each time, and never below
/// nothing; another load of the same bytes is the same book; a refusal names a place within the file.
class PricesSubject: FuzzSubject {
    func load(_ bytes: [UInt8]) throws(PriceBookError) -> PriceBook {
        try PriceBook(bytes: bytes, id: PriceBookID(1))
    }

    func price(_ book: PriceBook, _ event: Event, atMs: Int64) -> Price { book.price(event, effectiveMs: atMs) }

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        let book: PriceBook
        do throws(PriceBookError) { book = try load(input) } catch {
            if case .syntax(let byte, _) = error {
                try expect((0...input.count).contains(byte), "a place in the file is in the file")
            }
            return .refused
        }
        let again: PriceBook
        do throws(PriceBookError) { again = try load(input) } catch {
            throw FuzzFinding("a book that loads does so again")
        }
        for event in Self.events {
            for time in [Int64.min, 1, 1_700_000_000_000, 1_790_000_000_000, Limits.timeMsMax, .max] {
                let price = self.price(book, event, atMs: time)
                try expect((price.money?.femtoUSD ?? 0) >= 0, "nothing costs less than nothing")
                try expect(price == self.price(again, event, atMs: time), "a price is the same each time")
            }
        }
        return .reached
    }

    /// Events at the edges of the schema, of models that the corpus prices.
    private static let events: [Event] = {
        guard let session = SessionID(Bytes16(high: 0, low: 1)) else { return [] }
        let tiers: [Tier] = [.standard, .priority, .flex, .batch]
        let regions: [Region] = [.global, .us, .other]
        var events: [Event] = []
        for name in ["m", "a/m", "m-20250514", "opus", "claude-opus-4-8", "anthropic/claude-opus-4-8-v1:0"] {
            for index in 0..<24 {
                var event = Event(timeMs: 1, session: session, agent: .codex, model: Label(name))
                event.speed = index & 1 == 0 ? .standard : .fast
                event.tier = tiers[index / 2 % 4]
                event.region = regions[index / 8]
                event.inputTokens = index % 3 == 0 ? Limits.tokensMax : UInt32(index)
                event.cacheReadTokens = index % 5 == 0 ? Limits.tokensMax : 0
                event.cacheWrite5mTokens = index % 7 == 0 ? Limits.tokensMax : 0
                event.cacheWrite1hTokens = index % 7 == 1 ? Limits.tokensMax : 0
                event.cacheWriteUnknownTokens = index % 7 == 2 ? Limits.tokensMax : 0
                event.outputTokens = Limits.tokensMax
                event.webSearches = index % 4 == 0 ? .max : 0
                if index % 11 == 0 {
                    event.kind = .correction
                    event.contextTokens = Limits.tokensMax
                }
                events.append(event)
            }
        }
        return events
    }()
}
