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

/// One workstation: its home, its agents' folders, its clock, and the process of `tally run` while there is one.
final class Machine {
    /// What a snapshot of the whole machine would hold.
    struct Snapshot {
        var spool: [String: [UInt8]]
        var folders: TranscriptFolders.Snapshot
        var agent: Agent
        var ownKey: [UInt8]
        var token: [UInt8]
        /// Calls made until then: what came later is gone with the machine, unless it was sent.
        var calls: Int
        var growths: Int
    }

    let index: Int
    /// The tenant's place in the gateway's list.
    let tenant: Int
    let disk: LyingDisk
    let folders: TranscriptFolders
    var agent: Agent
    var clock = SimClock()
    var ownKey: [UInt8]
    var token: [UInt8]
    /// Counts the processes.
    var life = 0
    var core: EngineCore<TranscriptFolders>?
    /// The connection that the process believes in.
    var wire: Int?
    var wakeAt = UInt64.max
    /// The connection is lost for the workstation right behind its next batch.
    var losesNextBatch = false
    var isSlicePlanned = false
    /// The agents write no more, and nobody starts it again: the machine is gone.
    var isGone = false
    /// A start is planned.
    var isStarting = false
    var snapshot: Snapshot?
    /// Damage of its spool is what a fault asked for.
    var isTampered = false
    /// A disk that is full takes so many bytes at each start.
    var isDiskFull = false
    /// Events that were dropped as too old before they had a number, as far as processes that are gone knew.
    var tooOld: UInt64 = 0
    /// Another machine began as a copy of it, or it as a copy of another.
    var hasCopies = false
    /// What adoption had left out when the world looked last.
    var adopted = AdoptionReport()
    /// Its home or the whole of it went back in time, was copied or lost: what was counted may be offered again.
    var wasTurnedBack = false

    init(index: Int, tenant: Int, disk: LyingDisk, ownKey: [UInt8], token: [UInt8]) {
        self.index = index
        self.tenant = tenant
        self.disk = disk
        self.ownKey = ownKey
        self.token = token
        folders = TranscriptFolders()
        agent = Agent(machine: index, tenant: tenant)
    }

    func instant(_ now: UInt64) -> WorkstationInstant {
        WorkstationInstant(wallMs: clock.wallMs(now), monotonic: clock.monotonic(now))
    }

    /// Everything that the agents wrote has been read and counted, and everything that was counted is acknowledged.
    var isDrained: Bool {
        guard let core, core.failure == nil else { return false }
        return isRead && core.spool.state.unacknowledged == 0
    }

    var isRead: Bool {
        guard let core, !core.isScanning, core.spool.counter.heldCount == 0 else { return false }
        let files = core.spool.counter.files
        return folders.sizes.allSatisfy { files[$0.identity]?.checkpoint.offset == $0.bytes }
    }
}
