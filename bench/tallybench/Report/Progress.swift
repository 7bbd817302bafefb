import TallyIO

/// One line on standard error that is written anew about once a second, where a person watches.
struct Progress {
    private let isShown = Terminal.isErrorInteractive
    private var shownAt: Int64 = 0
    private var last = ""
    private var batches = 0
    private var batchesAt: Int64 = 0

    private static let interval: Int64 = 1_000_000_000

    /// The same words again are shown once.
    mutating func show(_ words: String) {
        let now = PeerRoom.now()
        guard isShown, words != last, now - shownAt >= Progress.interval / 5 else { return }
        last = words
        shownAt = now
        write(words)
    }

    /// Events a second since the last time, and latencies so far.
    mutating func show(_ record: LoadRecord, eventsPerBatch: Int, now: Int64) {
        guard isShown, now - batchesAt >= Progress.interval else { return }
        let elapsed = Double(now - batchesAt) / 1e9
        let rate = batchesAt == 0 ? 0 : Double((record.batches - batches) * eventsPerBatch) / elapsed
        batches = record.batches
        batchesAt = now
        func milliseconds(_ percentile: Double) -> String {
            Results.fixed(Double(record.latency(percentile)) / 1e6, 2)
        }
        write(
            "\(Results.grouped(Int(rate))) events/s, acknowledged in \(milliseconds(50)) ms (p50), "
                + "\(milliseconds(99)) ms (p99), \(milliseconds(99.9)) ms (p99.9)")
    }

    mutating func clear() {
        if isShown { Terminal.writeError("\r\u{1B}[K") }
    }

    private func write(_ words: String) { Terminal.writeError("\r\u{1B}[K\(words)") }
}
