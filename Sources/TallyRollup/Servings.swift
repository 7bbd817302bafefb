import TallyModel
import TallyPricing
import TallyWire

/// `Tariff.serving` for every combination, looked up by the raw bytes of a batch's columns.
struct Servings: Sendable {
    private let numbers: [Int]
    private static let tiers = Tier.allCases.count
    private static let regions = Region.allCases.count

    init() {
        var numbers: [Int] = []
        for speed in Speed.allCases {
            for tier in Tier.allCases {
                for region in Region.allCases { numbers.append(Tariff.serving(speed, tier, region)) }
            }
        }
        self.numbers = numbers
    }

    /// Of a row of a batch that decoded: its columns hold raw values of the vocabularies, which count up from 0.
    @inline(__always)
    func number(_ bytes: Span<UInt8>, _ row: Int, _ capacity: Int) -> Int {
        let speed = Int(bytes[3 * capacity + row])
        let tier = Int(bytes[4 * capacity + row])
        let region = Int(bytes[5 * capacity + row])
        return numbers[(speed * Servings.tiers + tier) * Servings.regions + region]
    }
}
