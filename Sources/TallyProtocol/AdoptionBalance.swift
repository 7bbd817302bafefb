import TallyModel

/// The pairs of one session and model whose numbers differ, and the corrections on both sides that may explain them.
struct AdoptionBalance: Sendable {
    private struct Difference: Hashable, Sendable {
        var timeMs: Int64
        /// What one side has more.
        var growth: AdoptionAmount
        /// The spool's number is the larger one.
        var isMissing: Bool
    }

    /// Corrections that were counted and have no partner.
    var told: [AdoptionMatch.Told]
    /// Corrections of the spool that have no partner; they are sent unless they explain a difference.
    var own: [AdoptionMatch.Own] = []
    private var differences: [Difference] = []

    init(told: [AdoptionMatch.Told]) { self.told = told }

    /// Precondition: one of the two can have grown to the other.
    mutating func differ(_ event: AdoptionMatch.Own, _ counted: AdoptionMatch.Told) {
        if let growth = event.amount.minus(counted.amount) {
            differences.append(Difference(timeMs: event.timeMs, growth: growth, isMissing: true))
        } else if let growth = counted.amount.minus(event.amount) {
            differences.append(Difference(timeMs: event.timeMs, growth: growth, isMissing: false))
        }
    }

    /// Growth comes later than the request it belongs to: corrections that make up for a difference explain it. First
    /// those that do so exactly; then, of the rest, as many as fit, and what they leave is shown.
    ///
    /// Corrections of the spool that explain why more was counted are part of that larger number, and are left out.
    mutating func settle(into outcome: inout AdoptionMatch.Outcome) {
        guard !differences.isEmpty else { return }
        told.sort { $0.timeMs < $1.timeMs }
        own.sort { ($0.timeMs, $0.sequence) < ($1.timeMs, $1.sequence) }
        differences.sort { $0.timeMs < $1.timeMs }
        var open: [Difference] = []
        for difference in differences where !take(difference, isWhole: true, into: &outcome).isWhole {
            open.append(difference)
        }
        for difference in open {
            let reached = take(difference, isWhole: false, into: &outcome).reached
            outcome.report.note(difference.growth.minus(reached) ?? .zero, isMissing: difference.isMissing)
        }
        if !open.isEmpty { outcome.report.differing += 1 }
    }

    /// Takes a run of corrections for `difference`: one that makes up for it, or one that goes as far as it fits.
    private mutating func take(
        _ difference: Difference, isWhole: Bool, into outcome: inout AdoptionMatch.Outcome
    ) -> (isWhole: Bool, reached: AdoptionAmount) {
        let list = difference.isMissing ? told.map(\.place) : own.map(\.place)
        guard let found = AdoptionBalance.run(list, of: difference, isWhole: isWhole) else { return (false, .zero) }
        if difference.isMissing {
            told.removeSubrange(found.run)
        } else {
            for event in own[found.run] { outcome.drop(event) }
            own.removeSubrange(found.run)
        }
        return (found.reached == difference.growth, found.reached)
    }

    private static func run(
        _ list: [(timeMs: Int64, amount: AdoptionAmount)], of difference: Difference, isWhole: Bool
    ) -> (run: Range<Int>, reached: AdoptionAmount)? {
        for start in list.indices where list[start].timeMs >= difference.timeMs {
            var reached = AdoptionAmount.zero
            var end = start
            while end < min(list.count, start + Limits.adoptionGrowthsMax) {
                let sum = reached.plus(list[end].amount)
                guard difference.growth.minus(sum) != nil else { break }
                reached = sum
                end += 1
                if reached == difference.growth { break }
            }
            if reached == difference.growth || (!isWhole && end > start) { return (start..<end, reached) }
        }
        return nil
    }
}

extension AdoptionMatch.Own {
    var place: (timeMs: Int64, amount: AdoptionAmount) { (timeMs, amount) }
}

extension AdoptionMatch.Told {
    var place: (timeMs: Int64, amount: AdoptionAmount) { (timeMs, amount) }
}
