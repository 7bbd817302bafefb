import TallyModel
import TallyPricing

/// Numbers for labels, each with the model that it names. Batches repeat few labels, so the last few answer
/// without hashing text.
///
/// Bounded by the aggregator: there are at most as many labels as cells.
struct LabelTable: Sendable {
    struct Entry: Sendable {
        let label: Label
        let number: UInt32
        let model: PriceBook.Model?
    }

    private var entries: [Entry] = []
    private var numbers: [Label: UInt32] = [:]
    /// The numbers used last, newest first.
    private var recent: [UInt32] = []
    private let recentMax = 4

    mutating func entry(_ label: Label, pricer: inout Pricer) -> Entry {
        for number in recent where entries[Int(number)].label == label { return entries[Int(number)] }
        let number: UInt32
        if let known = numbers[label] {
            number = known
        } else {
            number = UInt32(entries.count)
            entries.append(Entry(label: label, number: number, model: pricer.model(label)))
            numbers[label] = number
        }
        if recent.count == recentMax { recent.removeLast() }
        recent.insert(number, at: 0)
        return entries[Int(number)]
    }

    func label(_ number: UInt32) -> Label { entries[Int(number)].label }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        recent.removeAll(keepingCapacity: true)
    }
}
