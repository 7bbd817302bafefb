package import TallyIO
package import TallyLog
import TallyModel
package import TallyStorage

/// What every part of a running gateway may use: the folder, the clocks, the counters, the log.
package struct Services: Sendable {
    package let folder: DataFolder
    package let metrics: Metrics
    let log: LogSink
    let clock: GatewayClock
    let faults: Faults
    /// The process cannot go on: what it promised is safe, what it has not promised is not. Does not return.
    let onFatal: @Sendable (String) -> Void
    /// The sizes of the ledgers' segments; tests take smaller ones.
    let logOptions: LogOptions
    /// What stands under the data folder, and how much room; nil where the kernel does not say. Tests make it up.
    let disk: @Sendable () -> FileSystemFacts?

    /// Where a tenant's ledger lies; tests put a disk without room there.
    let ledgerDisk: LedgerDisk

    /// The disk of a tenant's ledger, in the tenant's folder.
    package typealias LedgerDisk = @Sendable (Tenant, Directory) throws(SystemError) -> any LogDisk

    package init(
        folder: DataFolder, metrics: Metrics, log: LogSink, clock: GatewayClock, faults: Faults,
        onFatal: @escaping @Sendable (String) -> Void, logOptions: LogOptions = .ledger,
        disk: (@Sendable () -> FileSystemFacts?)? = nil, ledgerDisk: @escaping LedgerDisk = Services.ownLedgerDisk
    ) {
        self.folder = folder
        self.metrics = metrics
        self.log = log
        self.clock = clock
        self.faults = faults
        self.onFatal = onFatal
        self.logOptions = logOptions
        self.disk = disk ?? { try? folder.fileSystem() }
        self.ledgerDisk = ledgerDisk
    }

    @Sendable package static func ownLedgerDisk(_: Tenant, _ folder: Directory) throws(SystemError) -> any LogDisk {
        try folder.openOrMakeDirectory(TenantLedger.folderName)
    }

    func stamp() -> Stamp { Stamp(actor: .gateway, timeMs: clock.wallMs()) }
}

/// The clocks, in one place.
package struct GatewayClock: Sendable {
    private let wallErrorMs: Int64

    /// Tests make the wall clock wrong.
    package init(wallErrorMs: Int64 = 0) { self.wallErrorMs = wallErrorMs }

    func wallMs() -> Int64 { WallClock.nowMs() + wallErrorMs }
    func instant() -> GatewayInstant { GatewayInstant(wallMs: wallMs(), monotonic: now()) }
    func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: UInt64(clamping: MonotonicClock.nowNanoseconds())) }
}

/// Faults that tests inject into a real process through its environment. Each says so in the log when it is in force.
package struct Faults: Sendable {
    /// TALLYGATE_FAULT_VIEWS_DELAY_MS: views are held back so long behind the ledger.
    package let viewsDelay: Duration

    package static let none = Faults(viewsDelay: .zero)

    package init(viewsDelay: Duration) { self.viewsDelay = viewsDelay }

    package init(environment: [String: String]) {
        let text = environment["TALLYGATE_FAULT_VIEWS_DELAY_MS"] ?? ""
        viewsDelay = .milliseconds(min(max(Int(text) ?? 0, 0), 3_600_000))
    }
}
