import TallyModel

/// The prices of some model names for one period, with every combination of speed, tier and region worked out
/// when the book was read: `PriceTable` lays them out flat and pricing only looks up.
struct PriceRow: Sendable {
    let names: [String]
    /// Whether a dated or versioned form of a name is this row too (`ModelName.undated`).
    let isDated: Bool
    /// Milliseconds since 1970, UTC: from (inclusive) and to (exclusive).
    let validFrom: Int64
    let validTo: Int64
    /// Femto-USD per search; nil where the vendor gives none.
    let webSearch: Int64?
    /// The same for people.
    let facts: PriceRowFacts
    /// In the order of `Serving.slot`; nil where there is no rate.
    let schedules: [Schedule?]

    /// Nil if some combination has a rate that is no whole number of femto-USD.
    init?(
        facts: PriceRowFacts, names: [String], isDated: Bool, validFrom: Int64, validTo: Int64, webSearch: Int64?,
        base: Schedule, speeds: [Speed: Alternative], tiers: [Tier: Alternative], regions: [Region: Alternative]
    ) {
        self.facts = facts
        self.names = names
        self.isDated = isDated
        self.validFrom = validFrom
        self.validTo = validTo
        self.webSearch = webSearch
        var schedules: [Schedule?] = []
        for speed in Serving.speeds {
            for tier in Serving.tiers {
                for region in Serving.regions {
                    let parts: [Alternative?] = [
                        speed == .standard ? .times(.one) : speeds[speed],
                        tier == .standard ? .times(.one) : tiers[tier],
                        region == .global ? .times(.one) : regions[region],
                    ]
                    switch PriceRow.combine(base, parts) {
                    case .none: schedules.append(nil)
                    case .inexact: return nil
                    case .schedule(let schedule): schedules.append(schedule)
                    }
                }
            }
        }
        self.schedules = schedules
    }

    private enum Combined { case none, inexact, schedule(Schedule) }

    /// Multipliers stack; rates of one's own replace the base; two sets of own rates have no meaning together.
    private static func combine(_ base: Schedule, _ parts: [Alternative?]) -> Combined {
        var start: Schedule?
        var factor = Factor.one
        for part in parts {
            switch part {
            case nil: return .none
            case .times(let more): factor = factor * more
            case .own(let schedule):
                guard start == nil else { return .none }
                start = schedule
            }
        }
        guard let result = (start ?? base).times(factor) else { return .inexact }
        return .schedule(result)
    }
}
