import TallyModel
import TallyPricing

/// What the models of recent batches cost now: found by the hash of their labels, which a batch brings along, and compared
/// by the labels themselves. Full, it starts anew with the next batch.
struct ModelCache: Sendable {
    private struct Entry: Sendable {
        let label: Label
        let hash: UInt64
        let model: PriceBook.Model?
        var tariff = Tariff.none
    }

    private static let entriesMax = 256
    private static let slotsCount = 1_024

    private var entries: [Entry] = []
    /// Index + 1 by the hash's low bits; open addressing, at most a quarter full.
    private var slots = [UInt16](repeating: 0, count: slotsCount)

    mutating func entry(_ label: Label, hash: UInt64, _ book: borrowing PriceBook) -> Int {
        var slot = Int(truncatingIfNeeded: hash) & (Self.slotsCount - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if entries[index].hash == hash, entries[index].label == label { return index }
            slot = (slot + 1) & (Self.slotsCount - 1)
        }
        entries.append(Entry(label: label, hash: hash, model: book.model(label)))
        // Beyond that, which takes a batch of very many models, an entry is not found again.
        if entries.count <= Self.entriesMax { slots[slot] = UInt16(entries.count) }
        return entries.count - 1
    }

    /// Makes room. Between batches: what `entry` gave before means nothing any more.
    mutating func trim() {
        guard entries.count >= Self.entriesMax else { return }
        entries.removeAll(keepingCapacity: true)
        slots = [UInt16](repeating: 0, count: Self.slotsCount)
    }

    @inline(__always)
    mutating func tariff(of index: Int, at effectiveMs: Int64, serving: Int, _ book: borrowing PriceBook) -> Tariff {
        if entries[index].tariff.holds(at: effectiveMs, serving: serving) { return entries[index].tariff }
        let found = book.tariff(of: entries[index].model, effectiveMs: effectiveMs, serving: serving)
        entries[index].tariff = found
        return found
    }
}
