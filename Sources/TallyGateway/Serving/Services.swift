import TallyIO
import TallyModel
import TallyStorage

/// What every part of a running gateway may use: the folder, the clocks, the counters, the log.
struct Services: Sendable {
    let folder: DataFolder
    let metrics: Metrics
    let log: LogSink
    let clock: GatewayClock
    let faults: Faults
    /// The process cannot go on: what it promised is safe, what it has not promised is not. Does not return.
    let onFatal: @Sendable (String) -> Void

    func stamp() -> Stamp { Stamp(actor: .gateway, timeMs: clock.wallMs()) }
}

/// The clocks, in one place.
struct GatewayClock: Sendable {
    func wallMs() -> Int64 { WallClock.nowMs() }
    func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: UInt64(clamping: MonotonicClock.nowNanoseconds())) }
}

/// Faults that tests inject into a real process through its environment. Each says so in the log when it is in force.
struct Faults: Sendable {
    /// TALLYGATE_FAULT_VIEWS_DELAY_MS: views are held back so long behind the ledger.
    let viewsDelay: Duration

    static let none = Faults(viewsDelay: .zero)

    init(viewsDelay: Duration) { self.viewsDelay = viewsDelay }

    init(environment: [String: String]) {
        let text = environment["TALLYGATE_FAULT_VIEWS_DELAY_MS"] ?? ""
        viewsDelay = .milliseconds(min(max(Int(text) ?? 0, 0), 3_600_000))
    }
}
