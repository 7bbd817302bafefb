import Foundation
import TallyGateway
import TallyModel
import TallyPricing
import TallyStorage
import TallyWire
import Testing

@Suite("Price books at the gateway", .serialized)
struct PriceCommandTests {
    /// The shipped book with another input price of `claude-opus-4-8`, in micro-USD per million, and perhaps without it.
    static func book(opusInput: Int, leavesOutOpus: Bool = false) throws -> BookSource {
        let parsed = try JSONSerialization.jsonObject(with: Data(PriceBook.builtInBytes)) as? [String: Any]
        var book = try #require(parsed)
        book["version"] = "opus at \(opusInput)"
        var rows = try #require(book["rows"] as? [[String: Any]])
        let place = try #require(
            rows.firstIndex { ($0["models"] as? [String])?.contains("claude-opus-4-8") == true })
        var rates = try #require(rows[place]["rates"] as? [String: Any])
        rates["input"] = opusInput
        rows[place]["rates"] = rates
        if leavesOutOpus { rows.remove(at: place) }
        book["rows"] = rows
        let bytes = try JSONSerialization.data(withJSONObject: book, options: [.withoutEscapingSlashes, .sortedKeys])
        return .file(name: "book.json", content: bytes)
    }

    struct Repriced: Decodable, Equatable {
        struct Row: Decodable, Equatable {
            var model: String?
            var events: Int
            var counted_cost_nano_usd: Int
            var repriced_cost_nano_usd: Int
            var difference_nano_usd: Int
            var unpriced_events: Int
            var repriced_unpriced_events: Int
        }
        var models: [Row]
        var totals: Row
    }

    private func reprice(_ rig: Rig, _ book: BookSource?, from: String? = nil, to: String? = nil) throws -> Repriced {
        let arguments = RepriceArguments(tenant: "acme", book: book, from: from, to: to)
        return try JSONDecoder().decode(Repriced.self, from: Data(try rig.done(.reprice(arguments), .json).utf8))
    }

    /// Of one of `plainEvents`: 1,000 input tokens and 100 output tokens at $25.
    static func nanoUSD(events: Int, opusInput: Int) -> Int { events * (opusInput + 100 * 25_000) }

    @Test("Events keep the price of the book that was in use when they came; the next ones have the new book's")
    func switching() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var sent: UInt64 = 0
        var expected = 0
        // To the second, back to the first, to the second again: a shard may be late, and must not be believed then.
        for input in [5_000_000, 7_000_000, 5_000_000, 7_000_000, 11_000_000] {
            if input == 5_000_000 {
                try rig.done(.pricesUse(.shipped))
            } else {
                try rig.done(.pricesUse(try Self.book(opusInput: input)))
            }
            for count in [3, 4] {
                peer.send(.batch(try spool.batch(plainEvents(count))))
                sent += UInt64(count)
                try peer.ack(through: sent)
                expected += Self.nanoUSD(events: count, opusInput: input)
            }
        }
        #expect(try rig.usage().totals.cost_nano_usd == expected)
        let records = 12
        #expect(eventually { rig.viewsOrdinal == records })
        #expect(try rig.usage().totals.cost_nano_usd == expected, "the views say it too")
        try rig.done(.verify(tenant: nil))
        try rig.done(.rebuild(tenant: nil))
        #expect(try rig.usage().totals.cost_nano_usd == expected, "made anew from the ledger")
        let list = try rig.done(.pricesList)
        #expect(
            list.split(separator: "\n").filter { $0.contains("in use") }.map { $0.contains("opus at 11000000") } == [
                true
            ])
        rig.stop()
        #expect(try rig.usage().totals.cost_nano_usd == expected)
        #expect(try rig.done(.pricesList) == list)
        try rig.start()
        let again = try rig.peer()
        try again.open(spool.hello())
        again.send(.batch(try spool.batch(plainEvents(2))))
        try again.ack(through: sent + 2)
        expected += Self.nanoUSD(events: 2, opusInput: 11_000_000)
        #expect(try rig.usage().totals.cost_nano_usd == expected, "a new process goes on with the chosen book")
        try rig.done(.verify(tenant: nil))
    }

    @Test("Repricing shows each model's figure by another book beside the counted one, and changes nothing")
    func repricing() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let noon: Int64 = Int64(Date().timeIntervalSince1970 * 1_000) / 86_400_000 * 86_400_000 - 43_200_000
        peer.send(.batch(try spool.batch(plainEvents(3, at: noon))))
        peer.send(.batch(try spool.batch(plainEvents(2, at: noon + 1_000, model: "house-model"))))
        try peer.ack(through: 5)
        let before = try rig.usage()
        let opus = 3 * (5_000_000 + 2_500_000)
        let same = try reprice(rig, nil)
        #expect(same.totals.counted_cost_nano_usd == opus && same.totals.difference_nano_usd == 0)
        #expect(before.totals.cost_nano_usd == opus)
        for isStopped in [false, true] {
            if isStopped { rig.stop() }
            let dearer = try reprice(rig, try Self.book(opusInput: 6_000_000))
            #expect(dearer.models.map(\.model) == ["claude-opus-4-8", "house-model"])
            #expect(dearer.models[0].repriced_cost_nano_usd == opus + 3_000_000)
            #expect(dearer.models[0].difference_nano_usd == 3_000_000)
            #expect(dearer.models[1].unpriced_events == 2 && dearer.models[1].repriced_unpriced_events == 2)
            let without = try reprice(rig, try Self.book(opusInput: 1, leavesOutOpus: true)).totals
            #expect(without.repriced_cost_nano_usd == 0 && without.difference_nano_usd == -opus)
            #expect(without.unpriced_events == 2 && without.repriced_unpriced_events == 5)
            #expect(try rig.usage() == before)
        }
        let instant = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(noon / 1_000) + 1))
        #expect(try reprice(rig, nil, to: instant).totals.events == 3)
        #expect(try reprice(rig, nil, from: instant).models.map(\.model) == ["house-model"])
        let text = try rig.done(
            .reprice(RepriceArguments(tenant: "acme", book: .shipped, from: nil, to: nil)))
        #expect(text.contains("As counted") && text.contains("Nothing is changed."))
        let empty = rig.call(
            .reprice(RepriceArguments(tenant: "acme", book: nil, from: "2026-02-01", to: "2026-02-01")))
        #expect(empty.exitCode == 1 && empty.failure?.contains("--from") == true)
        #expect(try rig.done(.pricesList).split(separator: "\n").count == 2, "a book that is only compared is not kept")
    }

    @Test("Books are listed, shown, checked and refused in words that help, while the gateway runs or not")
    func words() throws {
        let rig = try Rig()
        let bad = BookSource.file(name: "bad.json", content: Data("{\"format\":2}".utf8))
        for _ in 0..<2 {
            let shown = try rig.done(.pricesShow(model: "us.anthropic.claude-sonnet-5-5-20261001", at: "2026-10-06"))
            #expect(shown.contains("row                  12, which names claude-sonnet-5-5"))
            #expect(shown.contains("cache_read           $0.20"))
            #expect(try rig.done(.pricesShow(model: "claude-sonnet-5-5", at: "2026-10-07")).contains("$0.10\n"))
            let unknown = rig.call(.pricesShow(model: "gpt-5.2-codex", at: nil))
            #expect(unknown.exitCode == 1 && unknown.failure?.contains("stays unpriced") == true)
            let early = rig.call(.pricesShow(model: "claude-haiku-5-5", at: "2026-10-06"), .json)
            #expect(early.exitCode == 1 && early.output.contains(#""reason":"time""#))
            #expect(rig.call(.pricesShow(model: "No Label", at: nil)).exitCode == 1)
            let checked = try rig.done(.pricesCheck(try Self.book(opusInput: 6_000_000)))
            #expect(checked.contains("input: $5.00 -> $6.00") && checked.contains("changed: 1"))
            for request in [AdminRequest.pricesCheck(bad), .pricesUse(bad)] {
                let refused = rig.call(request)
                #expect(
                    refused.exitCode == 1 && refused.failure?.hasPrefix("bad.json: the price book's format") == true)
            }
            let none = rig.call(.pricesUse(.kept(id: "0000000000000000")))
            #expect(none.exitCode == 1 && none.failure?.contains("prices list") == true)
            rig.stop()
        }
        try rig.done(.pricesUse(try Self.book(opusInput: 6_000_000)))
        #expect(try rig.done(.pricesUse(try Self.book(opusInput: 6_000_000))).contains("already"))
        #expect(try rig.done(.audit(tenant: nil, limit: 1)).contains("price_book_used"))
    }

    @Test("A gateway whose chosen book is damaged does not serve by another; it says how to mend it, and that helps")
    func damaged() throws {
        let rig = try Rig(starts: false)
        let book = try Self.book(opusInput: 6_000_000)
        try rig.done(.pricesUse(book))
        let list = try rig.done(.pricesList)
        let id = try #require(list.split(separator: "\n").first { $0.contains("opus at") }?.prefix(16))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: rig.path + "/books/\(id).json"))
        #expect(throws: StorageError.priceBookUnreadable(String(id))) { try rig.start() }
        #expect(try rig.done(.pricesList).contains("in use, missing or damaged"))
        try rig.done(.pricesUse(book))
        #expect(try rig.done(.pricesList) == list)
        try rig.start()
    }

    @Test("When the program's own book began to be used stands in the list from the first start on, once")
    func shippedIsNoted() throws {
        let rig = try Rig()
        let list = try rig.done(.pricesList)
        #expect(list.contains("in use, the program's own") && list.contains("since 20"))
        rig.stop()
        try rig.start()
        #expect(try rig.done(.pricesList) == list)
    }
}
