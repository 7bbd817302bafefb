import TallyModel

/// The prices of some model names for one period, with every combination of speed, tier and region worked out
/// when the book was read: pricing only looks up.
struct PriceRow: Sendable {
    let provider: String
    let names: [String]
    /// Whether a dated or versioned form of a name is this row too (`ModelName.undated`).
    let isDated: Bool
    /// Milliseconds since 1970, UTC: from (inclusive) and to (exclusive).
    let validFrom: Int64
    let validTo: Int64
    /// Femto-USD per search; nil where the vendor gives none.
    let webSearch: Int64?
    private let schedules: [Schedule?]

    /// Nil if some combination has a rate that is no whole number of femto-USD.
    init?(
        provider: String, names: [String], isDated: Bool, validFrom: Int64, validTo: Int64, webSearch: Int64?,
        base: Schedule, speeds: [Speed: Alternative], tiers: [Tier: Alternative], regions: [Region: Alternative]
    ) {
        self.provider = provider
        self.names = names
        self.isDated = isDated
        self.validFrom = validFrom
        self.validTo = validTo
        self.webSearch = webSearch
        var schedules: [Schedule?] = []
        for speed in [Speed.standard, .fast] {
            for tier in [Tier.standard, .priority, .flex, .batch] {
                for region in [Region.global, .us, .other] {
                    let parts: [Alternative?] = [
                        speed == .standard ? .times(.one) : speeds[speed],
                        tier == .standard ? .times(.one) : tiers[tier],
                        region == .global ? .times(.one) : regions[region],
                    ]
                    // No vendor sells fast processing in another tier: a product of both would be made up.
                    if speed == .fast, tier != .standard { schedules.append(nil); continue }
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

    /// The rates for a way of being served, or why there are none. Unknown counts as standard.
    func schedule(_ event: Event) -> Result<Schedule, Unpriced> {
        let speed = event.speed == .fast ? 1 : 0
        let tier = PriceRow.index(event.tier)
        let region = PriceRow.index(event.region)
        if let found = at(speed, tier, region) { return .success(found) }
        if at(speed, 0, 0) == nil { return .failure(.speed) }
        if at(0, tier, 0) == nil { return .failure(.tier) }
        if at(0, 0, region) == nil { return .failure(.region) }
        return .failure(.combination)
    }

    private func at(_ speed: Int, _ tier: Int, _ region: Int) -> Schedule? {
        schedules[(speed * 4 + tier) * 3 + region]
    }

    private static func index(_ tier: Tier) -> Int {
        switch tier {
        case .unknown, .standard: 0
        case .priority: 1
        case .flex: 2
        case .batch: 3
        }
    }

    private static func index(_ region: Region) -> Int {
        switch region {
        case .unknown, .global: 0
        case .us: 1
        case .other: 2
        }
    }
}
