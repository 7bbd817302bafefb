import Foundation
import TallyModel
import Testing

@testable import TallyStorage
@testable import TallyUsage

/// API-equivalent, by subscription, reported: each has its name and its place, and no two are ever one number.
@Suite("Kinds of money")
struct MoneyKindTests {
    /// Nano-USD of each kind, such that no sum or difference of two of them, of any rows, is another one of these.
    static let kinds: [(name: String, nano: Int128)] = [
        ("cost_nano_usd", 900_000_000_000), ("subscription_cost_nano_usd", 80_000_000_000),
        ("reported_cost_nano_usd", 7_000_000_000),
    ]
    static let gapNano: Int128 = 600_000_000

    static func report() throws -> UsageReport {
        var sums = UsageSums()
        sums.events = 3
        sums.cost = Money(femtoUSD: kinds[0].nano * 1_000_000)
        sums.subscriptionCost = Money(femtoUSD: kinds[1].nano * 1_000_000)
        sums.reportedNanoUSD = kinds[2].nano
        return try UsageOutputTests.report(
            by: [.model], [(["m"], sums)], gaps: GapTotals(events: 1, reportedNanoUSD: gapNano))
    }

    /// Every sum and difference of two kinds or more, with the gaps' too.
    static var mixtures: Set<Int128> {
        let amounts = kinds.map(\.nano) + [gapNano]
        var mixtures: Set<Int128> = []
        for choice in 0..<81 {
            let signs = [choice % 3, choice / 3 % 3, choice / 9 % 3, choice / 27].map { Int128($0) - 1 }
            guard signs.count(where: { $0 != 0 }) > 1 else { continue }
            mixtures.insert(zip(signs, amounts).reduce(0) { $0 + $1.0 * $1.1 }.magnitude.description.number)
        }
        return mixtures
    }

    @Test("No number of JSON or CSV is made of two kinds, and each kind stands under its own name")
    func programs() throws {
        let report = try Self.report()
        let numbers = Set((report.json + "," + report.csv).split { !$0.isNumber }.compactMap { Int128(String($0)) })
        #expect(Self.mixtures.count > 30)
        #expect(numbers.isDisjoint(with: Self.mixtures))
        let fields = report.totals.fields
        for kind in Self.kinds {
            #expect(fields.filter { $0.value == kind.nano }.map(\.name) == [kind.name])
            #expect(report.csv.split(separator: "\r\n")[0].split(separator: ",").contains(Substring(kind.name)))
        }
        #expect(report.json.contains(#""gaps": {"events": 1, "reported_cost_nano_usd": 600000000}"#))
    }

    @Test("The table names each kind in its head, adds up none of them, and says what each is")
    func people() throws {
        let text = try Self.report().table
        let head = try #require(text.split(separator: "\n").first)
        for title in ["API-equivalent", "By subscription", "Reported"] { #expect(head.contains(title)) }
        for kind in Self.kinds { #expect(text.contains(UsageReport.dollars(kind.nano, decimals: 2))) }
        for mixture in Self.mixtures {
            for decimals in [2, 4] { #expect(!text.contains(UsageReport.dollars(mixture, decimals: decimals))) }
        }
        #expect(text.contains("They are not to be added up."))
    }

    @Test("Kinds that a report does not have are not spoken of")
    func plain() throws {
        let text = try UsageOutputTests.report(by: [.model], [(["m"], UsageOutputTests.sums(femto: 5))]).table
        #expect(!text.contains("subscription") && !text.contains("Reported") && text.contains("API-equivalent"))
    }

    @Test("What a subscription covers comes back from the views, from every table of them")
    func views() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        var delta = ViewsDelta(after: nil, through: Sample.position(1))
        let usd: Int128 = 1_000_000_000_000_000
        for (number, femto) in [(1, usd - 1), (2, 2 * usd + 5), (3, 0)] as [(UInt64, Int128)] {
            var counts = Sample.counts(femto: 3 * usd)
            counts.subscriptionCost = Money(femtoUSD: femto)
            delta.cells.append((try Sample.key(session: number), counts))
        }
        _ = try views.apply(delta)
        let reader = try ViewsReader(folder: folder.path)
        for by in [[.session], [.workstation], [.model]] as [[UsageDimension]] {
            let totals = try reader.report(UsageQuery(by: by)).totals
            #expect(totals.subscriptionCost.femtoUSD == 3 * usd + 4 && totals.cost.femtoUSD == 9 * usd, "\(by)")
        }
        #expect(try reader.read { try $0.tablesAgree() })
    }
}

extension String {
    fileprivate var number: Int128 { Int128(self) ?? 0 }
}
