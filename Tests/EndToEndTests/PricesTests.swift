import Foundation
import Testing

/// `tallygate prices` and `reprice` as an operator runs them.
@Suite("Price books, by the programs", .serialized)
struct PricesTests {
    /// One call of a model that the shipped book prices, paid by a subscription, and one that it does not know.
    private static let events = [("claude-opus-4-8", "subscription"), ("gpt-5.2-codex", "api")].map { model, billing in
        """
        {"kind":"usage","time_ms":\(Int64(Date().timeIntervalSince1970 * 1_000) - 60_000),\
        "session":"11111111-2222-3333-4444-555555555555","agent":"other","model":"\(model)","input_tokens":1000,\
        "output_tokens":100,"reported_cost_nano_usd":11,"billing":"\(billing)"}

        """
    }.joined()

    @Test("A book is shown, checked, refused, taken into use under a running gateway, and priced with beside the old")
    func wholeWay() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let sent = try sandbox.tally("send", input: Self.events)
        #expect(sent.status == 0, "\(sent.errors)")
        #expect(try sandbox.tally("sync").status == 0)

        let unknown = try sandbox.tallygate("prices", "show", "gpt-5.2-codex")
        #expect(unknown.status == 1 && unknown.errors.contains("unpriced") && unknown.output.isEmpty)
        let known = try sandbox.tallygate("prices", "show", "us.anthropic.claude-opus-4-8", "--at", "2026-11-01")
        #expect(known.status == 0 && known.output.contains("prefix") && known.output.contains("checked_on"))

        // The shipped book with one row more.
        let books = try FileManager.default.contentsOfDirectory(atPath: sandbox.data + "/books")
        let shipped = try String(contentsOfFile: sandbox.data + "/books/" + #require(books.first), encoding: .utf8)
        let row = """
            "rows":[{"provider": "openai", "models": ["gpt-5.2-codex"], "dated": true, "valid_from": null,
            "valid_to": null, "rates": {"input": 1750000, "output": 14000000}, "source": "s", "checked_on": "2026-11-29"},
            """
        let file = sandbox.path("book.json")
        let larger = shipped.replacing("\"rows\":[", with: row, maxReplacements: 1)
        try #require(larger != shipped)
        try larger.write(toFile: file, atomically: true, encoding: .utf8)
        let bad = sandbox.path("bad.json")
        try larger.replacing("14000000", with: "-1").write(toFile: bad, atomically: true, encoding: .utf8)

        let refused = try sandbox.tallygate("prices", "check", bad)
        #expect(
            refused.status == 1
                && refused.errors.contains("bad.json: row 1 of the price book, rates.output: is negative"))
        let checked = try sandbox.tallygate("prices", "check", file)
        #expect(checked.status == 0 && checked.output.contains("rows added: 1, removed: 0, changed: 0"))
        #expect(try sandbox.tallygate("prices", "check", sandbox.path("none.json")).status == 1)

        let repriced = try sandbox.tallygate("reprice", "--tenant", "demo", "--book", file)
        #expect(repriced.status == 0, "\(repriced.errors)")
        let line = repriced.output.split(separator: "\n").first { $0.hasPrefix("gpt-5.2-codex") } ?? ""
        // 1,000 input and 100 output tokens: 1,750 and 1,400 micro-USD.
        #expect(
            line.split(separator: " ").map(String.init) == [
                "gpt-5.2-codex", "1", "$0.0000", "$0.0032", "$0.0032", "1", "0",
            ])
        #expect(try sandbox.usage().totals.unpriced == 1, "nothing was changed")

        let used = try sandbox.tallygate("prices", "use", file)
        #expect(used.status == 0, "\(used.errors)")
        #expect(try sandbox.tallygate("prices", "show", "gpt-5.2-codex").status == 0)
        #expect(
            try sandbox.usage().totals.unpriced == 1, "what was received before keeps its price, or its lack of one")
        #expect(gateway.stop() == 0)
        let list = try sandbox.tallygate("prices", "list").output
        #expect(list.split(separator: "\n").count == 3 && list.contains("in use") && list.contains(" to "))
        let id = try #require(list.split(separator: "\n").first { $0.contains("program's own") }).prefix(16)
        #expect(try sandbox.tallygate("prices", "use", String(id)).status == 0)
        #expect(try sandbox.tallygate("prices", "use", "--shipped", file).status == 64)
        #expect(try sandbox.tallygate("verify").status == 0)
        let audit = try sandbox.tallygate("audit").output
        #expect(audit.split(separator: "\n").count { $0.contains("price_book_used") } == 3)
    }

    @Test("What a subscription covers is shown for itself, beside API-equivalent and reported, and added to neither")
    func kindsOfMoney() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        #expect(try sandbox.tally("send", input: Self.events).status == 0)
        #expect(try sandbox.tally("sync").status == 0)
        let json = try sandbox.tallygate("usage", "--tenant", "demo", "--json").output
        let answer = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let totals = try #require(answer?["totals"] as? [String: Any])
        // 1,000 input tokens at $5 and 100 output tokens at $25 a million.
        #expect(totals["cost_nano_usd"] as? Int == 7_500_000)
        #expect(totals["subscription_cost_nano_usd"] as? Int == 7_500_000)
        #expect(totals["reported_cost_nano_usd"] as? Int == 22)
        let text = try sandbox.tallygate("usage", "--tenant", "demo").output
        for title in ["API-equivalent", "By subscription", "Reported", "not to be added up"] {
            #expect(text.contains(title), "\(title)")
        }
        #expect(gateway.stop() == 0)
    }
}
