/// When the batches of an open loop are due: batch k stands at `k × events a batch × 10⁹ / events a second` nanoseconds
/// after the start, rounded down, whatever became of the ones before it.
///
/// Batches go round the connections: batch k is the (k / connections)th of connection k mod connections.
struct Pace: Hashable, Sendable {
    let eventsPerSecond: UInt64
    let eventsPerBatch: UInt64

    /// `eventsPerSecond` at least 1, both small enough that 2⁴⁰ batches have an instant: the command line holds them to
    /// `LoadLimits`.
    init(eventsPerSecond: UInt64, eventsPerBatch: UInt64) {
        precondition(eventsPerSecond > 0 && eventsPerBatch > 0, "a pace moves on")
        self.eventsPerSecond = eventsPerSecond
        self.eventsPerBatch = eventsPerBatch
    }

    /// Nanoseconds after the start; so late for what no run reaches that it never comes.
    func due(_ batch: Int) -> Int64 {
        let events = UInt64(batch).multipliedReportingOverflow(by: eventsPerBatch)
        guard !events.overflow else { return .max }
        let product = events.partialValue.multipliedFullWidth(by: 1_000_000_000)
        guard product.high < eventsPerSecond else { return .max }
        return Int64(clamping: eventsPerSecond.dividingFullWidth(product).quotient)
    }

    /// How many batches are due before `nanoseconds` after the start.
    func count(before nanoseconds: Int64) -> Int {
        guard nanoseconds > 0 else { return 0 }
        // The smallest k with k × events × 10⁹ ≥ nanoseconds × rate.
        let product = UInt128(nanoseconds) * UInt128(eventsPerSecond)
        let each = UInt128(eventsPerBatch) * 1_000_000_000
        return Int(clamping: (product + each - 1) / each)
    }
}
