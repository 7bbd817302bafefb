import Histogram

/// What the measured part of a load has seen: latencies as a histogram, and the course of it in intervals.
struct LoadRecord: Sendable {
    /// One interval: batches acknowledged in it, and their latencies.
    struct Point: Hashable, Sendable {
        /// Nanoseconds from the start to the interval's end.
        var at: Int64
        var batches: Int
        var p50: UInt64
        var p99: UInt64
        var highest: UInt64
    }

    private var latencies = LoadRecord.histogram(.three)
    private(set) var points: [Point] = []
    private(set) var batches = 0
    /// Of frames, headers included, before TLS.
    private(set) var bytes = 0
    /// Batches that were due and never handed over.
    private(set) var heldBack = 0
    /// From the start to the last acknowledgement.
    private(set) var nanoseconds: Int64 = 0

    /// Of two digits: it is read and emptied while the load runs, and must not keep it waiting.
    private var recent = LoadRecord.histogram(.two)
    private var recentBatches = 0
    private var startedAt: Int64 = 0
    private var interval: Int64 = 1
    private var intervalEnd: Int64 = 0

    /// Nanoseconds to an hour.
    private static func histogram(_ digits: SignificantDigits) -> Histogram<UInt64> {
        Histogram(
            lowestDiscernibleValue: 128, highestTrackableValue: 3_600_000_000_000,
            numberOfSignificantValueDigits: digits)
    }

    /// Nanoseconds within which `percentile` percent of the batches were acknowledged.
    func latency(_ percentile: Double) -> UInt64 { latencies.valueAtPercentile(percentile) }
    var latencyMax: UInt64 { batches + heldBack > 0 ? latencies.max : 0 }

    mutating func begin(at now: Int64, nanoseconds: Int64) {
        startedAt = now
        interval = max(100_000_000, nanoseconds / Int64(LoadLimits.pointsMax))
        intervalEnd = now + interval
    }

    mutating func sent(bytes count: Int) { bytes += count }

    mutating func acknowledged(afterNanoseconds latency: Int64, at now: Int64) {
        if now >= intervalEnd { closeInterval(now) }
        let value = UInt64(clamping: latency)
        latencies.record(value)
        recent.record(value)
        batches += 1
        recentBatches += 1
        nanoseconds = now - startedAt
    }

    mutating func heldBack(forNanoseconds age: Int64) {
        latencies.record(UInt64(clamping: age))
        heldBack += 1
    }

    mutating func finish(now: Int64) {
        if recentBatches > 0 { closeInterval(now) }
    }

    /// Ends the interval that `now` lies behind. Intervals without an acknowledgement are drawn as none.
    private mutating func closeInterval(_ now: Int64) {
        if points.count < 4 * LoadLimits.pointsMax {
            points.append(
                Point(
                    at: min(now, intervalEnd) - startedAt, batches: recentBatches, p50: recent.valueAtPercentile(50),
                    p99: recent.valueAtPercentile(99), highest: recentBatches > 0 ? recent.max : 0))
        }
        recent.reset()
        recentBatches = 0
        intervalEnd += interval
        // Whole intervals in which nothing came.
        while intervalEnd <= now, points.count < 4 * LoadLimits.pointsMax {
            points.append(Point(at: intervalEnd - startedAt, batches: 0, p50: 0, p99: 0, highest: 0))
            intervalEnd += interval
        }
        if intervalEnd <= now { intervalEnd = now + interval }
    }
}
