import CrashDisk
import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// A tenant as the world knows it: its row of the catalog, the disk of its ledger, and what became of it.
final class SimTenant {
    /// The catalog's row; replaced when its epoch is renewed.
    var row: Tenant
    let disk: LyingDisk
    /// A durable byte of its ledger was changed, or its folder was tampered with: quarantine is what must follow.
    var isTampered = false
    var isDeleted = false
    var wasPutBack = false
    /// The last record that the last process appended: more than that no recovery may find.
    var lastAppended: UInt64?
    /// Whether its ledger still reads, found out once when faults have stopped.
    var isKnownBroken: Bool?
    /// The views' applied position: behind the ledger, and lost by nobody.
    var viewsThrough: UInt64 = 0
    /// The views' desk of the present process, in worlds with SQLite.
    var views: ViewsDesk?
    /// An older state of its folder and of its views, for a restore.
    var backup: Backup?

    struct Backup {
        var files: [String: [UInt8]]
        var epoch: StoreEpoch
        var viewsThrough: UInt64
        var viewsFiles: [String: [UInt8]]
        var promises: [StreamID: Hearsay.Promise]
    }

    init(row: Tenant, disk: LyingDisk) {
        self.row = row
        self.disk = disk
    }
}

/// The gateway of a world: one process at a time, on a machine whose disks outlive it.
final class SimGateway {
    var tenants: [SimTenant] = []
    var clock = SimClock()
    /// Counts the processes.
    var life = 0
    var isUp = false

    // The process.
    var core: LedgerCore?
    var board = TenantBoard()
    let directory = TenantDirectory()
    var connections: [UInt64: IngestMachine] = [:]
    var mailbox: [ShardDelivery] = []
    /// Where connections decode, by their shards.
    var scratches: [IngestScratch] = []
    var harvest = LedgerHarvest()
    var isRoundPlanned = false
    var isRetryPlanned = false
    var areViewsPlanned = false
    /// Where the views' databases lie, in worlds that have any.
    var viewsDisk: CrashDisk?
    var holders: [TokenHash: TokenHolder] = [:]
    var revoked: Set<TokenHash> = []
    var workstationLabels: [WorkstationID: WorkstationLabel] = [:]
    var lastWorkstation: UInt64 = 0
    /// Bytes that the disk still takes for each ledger, while it is full.
    var isDiskFull = false

    func instant(_ now: UInt64) -> GatewayInstant {
        GatewayInstant(wallMs: clock.wallMs(now), monotonic: clock.monotonic(now))
    }

    func tenant(_ id: TenantID) -> SimTenant? { tenants.first { $0.row.id == id } }

    /// Tells the connections who may come in.
    func refreshDirectory() {
        var next = TenantDirectory.Snapshot()
        next.credentials = CredentialIndex(holders, revoked: revoked)
        for tenant in tenants where tenant.row.state == .active { next.tenants[tenant.row.id] = tenant.row.name }
        next.workstations = workstationLabels
        directory.replace(by: next)
    }
}

/// The barrier over the file system that all ledgers of a gateway share.
struct SharedBarrier: DiskBarrier {
    let disks: [LyingDisk]

    func sync() throws(SystemError) {
        var failure: SystemError?
        for disk in disks {
            do throws(SystemError) { try disk.syncEverything() } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
