import Foundation
import TallyGenerator
import TallyModel
import TallyStorage

extension Parts {
    /// The views of a tenant as a hundred million events over 90 days would leave them, made without the events: 12
    /// projects × 20 workstations × 6 models × 2 origins, each at work in some of a working day's quarter-hours. Keeps
    /// what a report by UTC day and model must say.
    struct ViewsLoad {
        struct Group: Hashable {
            let day: Int64
            let model: String
        }

        private(set) var cells = 0
        private(set) var sessions = 0
        private(set) var events = 0
        private(set) var truth: [Group: RollupCounts] = [:]
        private var random: SeededRandom

        static let days = 90
        /// 2026-08-03, a Monday.
        static let firstDay: Int64 = 20_668
        private static let projects = 12
        private static let workstations = 20
        private static let origins: [Origin] = [.main, .subagent]
        private static let models = [
            "claude-opus-4-8", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "claude-opus-5-5",
            "gpt-5.3-codex", "gpt-6.1-sol",
        ]
        /// Of 07:00 to 19:00 UTC.
        private static let workQuarters: Range<Int64> = 28..<76
        private static let quartersPerDay: Int64 = 96
        /// Fewer events have fewer cells, not smaller ones.
        private static let eventsPerCell = 96
        private static let batchCells = 50_000

        init(seed: UInt64, events: Int, in folder: String) throws {
            random = SeededRandom(seed: seed)
            let workDays = (0..<Int64(Self.days)).count(where: Self.isWorkday)
            let slots = Self.combinations * workDays * Self.workQuarters.count
            let wanted = events / Self.eventsPerCell
            try fill(folder, perMillion: max(1, min(1_000_000, wanted * 1_000_000 / slots)))
        }

        private mutating func fill(_ folder: String, perMillion: Int) throws {
            let views = try Views(folder: folder)
            let models = Self.models.map { Label($0) ?? .unlisted }
            var after: LedgerPosition?
            var ordinal: UInt64 = 0
            var batch: [(RollupKey, RollupCounts)] = []
            for day in 0..<Int64(Self.days) where Self.isWorkday(day) {
                let own = Self.sessions(day)
                var begun = Set<SessionID>()
                for quarter in Self.workQuarters {
                    for combination in own.indices where random.number(in: 1...1_000_000) <= perMillion {
                        let place = Self.place(combination)
                        let key = RollupKey(
                            quarter: (Self.firstDay + day) * Self.quartersPerDay + quarter,
                            workstation: WorkstationID(UInt64(place.workstation + 1)),
                            agent: place.model < 4 ? .claudeCode : .codex, model: models[place.model],
                            origin: Self.origins[place.origin],
                            project: ProjectID(Bytes16(high: 0xA11C_E000, low: UInt64(place.project + 1))),
                            session: own[combination])
                        let counts = counts(key.quarter)
                        begun.insert(key.session)
                        batch.append((key, counts))
                        note(key, counts)
                    }
                    if batch.count >= Self.batchCells { try apply(&batch, to: views, &after, &ordinal) }
                }
                sessions += begun.count
            }
            if !batch.isEmpty { try apply(&batch, to: views, &after, &ordinal) }
            try views.checkpoint()
        }

        private func apply(
            _ batch: inout [(RollupKey, RollupCounts)], to views: Views, _ after: inout LedgerPosition?,
            _ ordinal: inout UInt64
        ) throws {
            ordinal += 1
            let through = LedgerPosition(
                lineage: Bytes16(high: 1, low: 1), segment: 1, ordinal: ordinal, checksum: ordinal)
            var delta = ViewsDelta(after: after, through: through)
            delta.cells = batch
            guard try views.apply(delta) else { throw Mismatch("the views took nothing") }
            after = through
            batch.removeAll(keepingCapacity: true)
        }

        private mutating func note(_ key: RollupKey, _ counts: RollupCounts) {
            cells += 1
            events += Int(counts.events)
            let group = Group(day: key.quarter / Self.quartersPerDay, model: key.model.text)
            truth[group, default: RollupCounts()] += counts
        }

        private mutating func counts(_ quarter: Int64) -> RollupCounts {
            var counts = RollupCounts()
            counts.events = Int64(random.number(in: Self.eventsPerCell / 2...Self.eventsPerCell * 3 / 2))
            counts.inputTokens = counts.events * Int64(random.number(in: 1...2_000))
            counts.cacheReadTokens = counts.events * Int64(random.number(in: 20_000...120_000))
            counts.cacheWrite5mTokens = counts.events * Int64(random.number(in: 0...2_000))
            counts.cacheWrite1hTokens = counts.events * Int64(random.number(in: 0...900))
            counts.outputTokens = counts.events * Int64(random.number(in: 100...900))
            counts.reasoningTokens = counts.outputTokens / Int64(random.number(in: 2...9))
            counts.webSearches = Int64(random.number(in: 0...2))
            counts.toolCalls = counts.events
            counts.reportedCostNanoUSD = Int64(random.number(in: 0...3_000_000_000))
            counts.cost = Money(femtoUSD: Int128(random.number(in: 1...9_000_000_000_000_000)))
            counts.unpricedEvents = random.chance(perMille: 10) ? 1 : 0
            counts.firstMs = quarter * 900_000 + Int64(random.number(in: 0...200_000))
            counts.lastMs = counts.firstMs + Int64(random.number(in: 0...600_000))
            return counts
        }

        private static var combinations: Int { projects * workstations * models.count * origins.count }

        private static func isWorkday(_ day: Int64) -> Bool { day % 7 < 5 }

        /// One session a combination and day.
        private static func sessions(_ day: Int64) -> [SessionID] {
            (0..<combinations).compactMap { number in
                SessionID(Bytes16(high: 0x5E55_4000 + UInt64(day), low: 0x8000_0000_0000_0000 + UInt64(number)))
            }
        }

        private static func place(_ number: Int) -> (project: Int, workstation: Int, model: Int, origin: Int) {
            (
                number % projects, number / projects % workstations, number / (projects * workstations) % models.count,
                number / (projects * workstations * models.count)
            )
        }
    }
}
