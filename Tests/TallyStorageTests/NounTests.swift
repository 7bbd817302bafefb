import TallyModel
import Testing

@testable import TallyStorage

@Suite("Names, plans and tokens")
struct NounTests {
    @Test(
        "A tenant's name is lower-case letters, digits, - and _, and begins with a letter or digit",
        arguments: [
            ("demo", true), ("0", true), ("a-b_c", true), (String(repeating: "a", count: 63), true), ("", false),
            ("-a", false), ("_a", false), ("Demo", false), ("a b", false), ("é", false), ("a/b", false),
            (String(repeating: "a", count: 64), false), ("a\n", false),
        ])
    func tenantNames(text: String, isName: Bool) {
        #expect((TenantName(text) != nil) == isName)
    }

    @Test(
        "A workstation's label is 1 to 64 printable characters",
        arguments: [
            ("laptop", true), ("Zoë's laptop", true), ("机器 7", true), (String(repeating: "x", count: 64), true),
            ("", false), (" a", false), ("a ", false), ("a\nb", false), ("a\u{1b}[31m", false), ("a\u{202e}b", false),
            ("a\u{a0}b", false), ("a\u{200b}b", false), (String(repeating: "x", count: 65), false),
        ])
    func labels(text: String, isLabel: Bool) {
        #expect((WorkstationLabel(text) != nil) == isLabel)
    }

    @Test("Free keeps 30 days, pro a year, and only custom chooses")
    func retention() throws {
        #expect(try Retention(plan: .free, days: nil).days == 30)
        #expect(try Retention(plan: .pro, days: nil).days == 365)
        #expect(try Retention(plan: .custom, days: 1).days == 1)
        #expect(try Retention(plan: .custom, days: 36_500).days == 36_500)
        #expect(throws: RetentionError.daysNotAllowed(.free)) { try Retention(plan: .free, days: 30) }
        #expect(throws: RetentionError.daysNotAllowed(.pro)) { try Retention(plan: .pro, days: 1) }
        #expect(throws: RetentionError.daysMissing) { try Retention(plan: .custom, days: nil) }
        for days in [0, -1, 36_501, Int.max, Int.min] {
            #expect(throws: RetentionError.outOfRange) { try Retention(plan: .custom, days: days) }
        }
    }

    @Test("An event is kept for exactly the plan's days and then no more")
    func cutoff() throws {
        let retention = try Retention(plan: .custom, days: 2)
        let now: Int64 = 1_000_000_000_000
        #expect(retention.keeps(timeMs: now - 2 * 86_400_000 + 1, nowMs: now))
        #expect(!retention.keeps(timeMs: now - 2 * 86_400_000, nowMs: now))
        #expect(retention.keeps(timeMs: 1, nowMs: .min))
    }

    @Test("A token is tg_ and 43 digits of base 62, and loses no bit of its randomness")
    func tokens() {
        let zero = Token(random: [UInt8](repeating: 0, count: 32)).text
        #expect(zero == "tg_" + String(repeating: "0", count: 43))
        var one = [UInt8](repeating: 0, count: 32)
        one[31] = 61
        #expect(Token(random: one).text.last == "z")
        one[31] = 62
        #expect(Token(random: one).text.hasSuffix("10"))
        var seen: Set<String> = [zero]
        for bit in 0..<256 {
            var bytes = [UInt8](repeating: 0, count: 32)
            bytes[bit / 8] = 1 << UInt8(bit % 8)
            let text = Token(random: bytes).text
            #expect(text.utf8.count == 46)
            #expect(Token.hashInput(presented: text) == Array(text.utf8))
            seen.insert(text)
        }
        #expect(seen.count == 257)
        #expect(Token(random: [UInt8](repeating: 255, count: 32)).text.utf8.count == 46)
    }

    @Test("Text that has not the shape of a token is not even hashed")
    func tokenShape() {
        let good = "tg_" + String(repeating: "a", count: 43)
        #expect(Token.hashInput(presented: good) != nil)
        let short = String(good.dropLast())
        for bad in ["", "tg_", good + "a", short, "xx_" + good.dropFirst(3), short + "é", short + "-"] {
            #expect(Token.hashInput(presented: bad) == nil)
        }
    }
}
