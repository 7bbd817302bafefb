import TallyGenerator
import TallyModel
import TallyPricing
import Testing

@Suite("The generator and the price book")
struct BookTests {
    @Test("The product's book and the generator's own list price every event alike", arguments: [1, 2, 3] as [UInt64])
    func prices(seed: UInt64) throws {
        let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
        let list = PriceList()
        let home = Generator(seed: seed, options: GeneratorOptions(endMs: GeneratorTests.endMs)).home()
        let differing = home.events.filter { event in
            let cost = book.price(event, effectiveMs: event.timeMs).money
            return cost != list.cost(of: event)
        }
        #expect(differing.count == 0, "seed \(seed), first: \(String(describing: differing.first))")
    }
}
