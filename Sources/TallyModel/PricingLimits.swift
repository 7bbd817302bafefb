/// The bounds of the price book and of the aggregator. With them no price and no sum can overflow: a token
/// costs at most 10¹⁷ femto-USD, an event holds fewer than 10¹⁰ tokens, so 10¹¹ of the dearest events fit in
/// the 128 bits of `Money`.
extension Limits {
    // MARK: Price book

    package static let priceBookBytesMax = 1 << 20
    package static let priceBookRowsMax = 4_096
    package static let priceBookNamesMax = 16_384
    package static let priceBookPrefixesMax = 64
    /// Books on a data folder's shelf, and how often one of them may be taken into use.
    package static let priceBooksMax = 256
    package static let priceBookUsesMax = 4_096
    package static let priceBandsMax = 8
    /// Micro-USD per million tokens: a dollar a token.
    package static let priceRateMax: Int64 = 1_000_000_000_000
    /// Numerator and denominator of a multiplier.
    package static let priceFactorMax: Int64 = 1_000
    /// What a token may cost after every multiplier, in femto-USD.
    package static let priceTokenFemtoMax: Int64 = 100_000_000_000_000_000
    /// The number of a rate in a band of an alternative: rows, row, tiers, tier, bands, band, rates, number.
    package static let jsonDepthMax = 9
    package static let jsonStringBytesMax = 256
    /// Labels whose row is remembered; beyond it the memory starts anew.
    package static let pricedLabelsMax = 4_096

    // MARK: Rollups

    /// The grain of a rollup: the finest instant that every time zone's days and hours can be cut from.
    package static let quarterMs: Int64 = 900_000
    /// Cells, and sessions, that an aggregator holds before its owner drains it.
    package static let aggregatorCellsMax = 65_536
    /// Cells and sessions that all shards together gather for all tenants before the views take them: up to 380 MB. Batches
    /// beyond that are decoded again. A thousand workstations with two hundred sessions each have 900,000.
    package static let gatheredCellsMax = 1 << 20
    /// Of them, cells of one tenant on one shard, and its sessions.
    package static let gatheredTenantCellsMax = gatheredCellsMax / 4
    /// Harvests whose sums may wait for the views at a time; of others the ledger is read.
    package static let harvestsWaitingMax = 2
}
