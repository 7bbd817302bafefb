import TallyModel

/// The rows of a book laid out flat, so that pricing an event reads three arrays of plain numbers and touches no
/// reference count.
///
/// A model is a run of `periods`; a period points at its row's 24 `slots`, one for each way of being served
/// (`Serving.slot`); a slot is a run of `bands`, or nothing where there is no rate.
struct PriceTable: Sendable {
    struct Period: Sendable {
        let validFrom: Int64
        let validTo: Int64
        let webSearch: Int64?
        let firstSlot: Int
    }

    struct Slot: Sendable {
        let firstBand: Int
        /// Zero where there is no rate.
        let bandCount: Int
    }

    private(set) var periods: [Period] = []
    private(set) var slots: [Slot] = []
    private(set) var bands: [Schedule.Band] = []
    /// `bands` once more, for `femtoUSD`.
    private(set) var flat: [FlatBand] = []

    /// Lays out a row; its first slot.
    mutating func append(_ row: PriceRow) -> Int {
        let first = slots.count
        for schedule in row.schedules {
            slots.append(Slot(firstBand: bands.count, bandCount: schedule?.bands.count ?? 0))
            bands.append(contentsOf: schedule?.bands ?? [])
            flat.append(contentsOf: (schedule?.bands ?? []).map(FlatBand.init))
        }
        return first
    }

    /// Adds the periods of one model; where they stand.
    mutating func append(_ added: [Period]) -> PriceBook.Model {
        periods.append(contentsOf: added)
        return PriceBook.Model(first: periods.count - added.count, count: added.count)
    }

    /// The price of a usage or correction event of `model`.
    ///
    /// The whole prompt picks the band and every token is priced in it. A correction brings the request's whole
    /// prompt (`context_tokens`) and prices its own growth alone: what was sent before keeps its band, even
    /// where the growth crossed a threshold.
    func price(_ event: Event, of model: PriceBook.Model, effectiveMs: Int64) -> Price {
        for index in model.first..<(model.first + model.count)
        where periods[index].validFrom <= effectiveMs && effectiveMs < periods[index].validTo {
            let first = periods[index].firstSlot
            let serving = Serving(event)
            let slot = slots[first + serving.slot]
            guard slot.bandCount > 0 else { return .unpriced(reason(serving, first)) }
            let prompt = event.kind == .correction ? UInt64(event.contextTokens ?? 0) : event.promptTokens
            var band = slot.firstBand
            while band + 1 < slot.firstBand + slot.bandCount, bands[band + 1].fromTokens <= prompt { band += 1 }
            return PriceTable.sum(event, bands[band].rates, webSearch: periods[index].webSearch)
        }
        return .unpriced(.time)
    }

    /// Which part of a serving keeps it from having a rate.
    private func reason(_ serving: Serving, _ first: Int) -> Unpriced {
        func has(_ serving: Serving) -> Bool { slots[first + serving.slot].bandCount > 0 }
        if !has(Serving(speed: serving.speed, tier: 0, region: 0)) { return .speed }
        if !has(Serving(speed: 0, tier: serving.tier, region: 0)) { return .tier }
        if !has(Serving(speed: 0, tier: 0, region: serving.region)) { return .region }
        return .combination
    }

    private static func sum(_ event: Event, _ rates: Rates, webSearch: Int64?) -> Price {
        // Reasoning is part of the output and adds nothing.
        var femto = Int128(rates.input) * Int128(event.inputTokens) + Int128(rates.output) * Int128(event.outputTokens)
        guard add(event.cacheReadTokens, rates.cacheRead, to: &femto) else { return .unpriced(.cacheRead) }
        guard add(event.cacheWrite5mTokens, rates.cacheWrite5m, to: &femto),
            add(event.cacheWrite1hTokens, rates.cacheWrite1h, to: &femto)
        else { return .unpriced(.cacheWrite) }
        let hasSearches = add(UInt32(event.webSearches), webSearch, to: &femto)
        var isAssumed = false
        if event.cacheWriteUnknownTokens > 0 {
            // What a correction's cost grew by may be of other parts than its tokens.
            let told = event.kind == .usage ? event.reportedCostNanoUSD : nil
            guard
                let price = CacheLifetime.price(
                    femto, tokens: event.cacheWriteUnknownTokens, at5m: rates.cacheWrite5m, at1h: rates.cacheWrite1h,
                    reportedNanoUSD: told)
            else { return .unpriced(.cacheWrite) }
            (femto, isAssumed) = price
        }
        guard hasSearches else { return .unpriced(.webSearch) }
        return .priced(Money(femtoUSD: femto), assumedCacheLifetime: isAssumed)
    }

    /// Adds `count` at `rate`; false where there is something to price and no rate.
    private static func add(_ count: UInt32, _ rate: Int64?, to femto: inout Int128) -> Bool {
        guard count > 0 else { return true }
        guard let rate else { return false }
        femto += Int128(rate) * Int128(count)
        return true
    }
}

/// A way of being served: speed, tier and region as indices, 0 being standard and global. Unknown counts as
/// standard; a known one never does.
struct Serving: Sendable {
    static let speeds: [Speed] = [.standard, .fast]
    static let tiers: [Tier] = [.standard, .priority, .flex, .batch]
    static let regions: [Region] = [.global, .us, .other]

    let speed: Int
    let tier: Int
    let region: Int

    init(speed: Int, tier: Int, region: Int) {
        self.speed = speed
        self.tier = tier
        self.region = region
    }

    init(_ event: Event) { self.init(event.speed, event.tier, event.region) }

    init(_ speed: Speed, _ tier: Tier, _ region: Region) {
        self.speed = speed == .fast ? 1 : 0
        self.tier =
            switch tier {
            case .unknown, .standard: 0
            case .priority: 1
            case .flex: 2
            case .batch: 3
            }
        self.region =
            switch region {
            case .unknown, .global: 0
            case .us: 1
            case .other: 2
            }
    }

    var slot: Int { (speed * 4 + tier) * 3 + region }
}
