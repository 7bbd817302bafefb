import TallyModel
import TallyPricing

/// Numbers for labels, each with the model that it names. Batches repeat few labels, so the last few answer
/// without hashing text.
///
/// Bounded by the aggregator: there are at most as many labels as cells.
struct LabelTable: Sendable {
    struct Entry: Sendable {
        let number: UInt32
        let model: PriceBook.Model?
    }

    private var labels: [Label] = []
    private var models: [PriceBook.Model?] = []
    private var numbers: [Label: UInt32] = [:]
    /// The numbers found last by hashing, written round and round.
    private var recent: [UInt32] = []
    private var next = 0
    private static let recentMax = 4
    /// By the low bits of a label's hash: the hash and the number of the label found there last.
    private var hashes = [UInt64](repeating: 0, count: placesCount)
    private var found = [UInt32](repeating: 0, count: placesCount)
    private static let placesCount = 64

    /// The number of a label whose hash is known: the same label always comes with the same hash.
    mutating func number(_ label: Label, hash: UInt64, pricer: inout Pricer) -> UInt32 {
        let place = Int(truncatingIfNeeded: hash) & (Self.placesCount - 1)
        let number = Int(found[place])
        if hashes[place] == hash, number < labels.count, labels[number] == label { return found[place] }
        let entry = self.number(label, &pricer)
        hashes[place] = hash
        found[place] = entry
        return entry
    }

    mutating func entry(_ label: Label, pricer: inout Pricer) -> Entry {
        for index in recent.indices where labels[Int(recent[index])].text == label.text {
            return Entry(number: recent[index], model: models[Int(recent[index])])
        }
        let number = number(label, &pricer)
        if recent.count < LabelTable.recentMax {
            recent.append(number)
        } else {
            recent[next] = number
            next = (next + 1) % LabelTable.recentMax
        }
        return Entry(number: number, model: models[Int(number)])
    }

    private mutating func number(_ label: Label, _ pricer: inout Pricer) -> UInt32 {
        if let known = numbers[label] { return known }
        let number = UInt32(labels.count)
        labels.append(label)
        models.append(pricer.model(label))
        numbers[label] = number
        return number
    }

    func label(_ number: UInt32) -> Label { labels[Int(number)] }

    mutating func removeAll() {
        labels.removeAll(keepingCapacity: true)
        models.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        recent.removeAll(keepingCapacity: true)
        next = 0
    }
}
