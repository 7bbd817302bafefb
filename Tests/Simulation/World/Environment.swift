import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
package import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// What all runs of a process share, and none changes: the price book, and a few words.
package struct Environment: Sendable {
    let books: BookShelf
    let address: HostPort
    let homes = SourceHomes(home: nil, claudeConfigDir: "/t", codexHome: "/c")
    /// Promises in a hundred for which a loss of power is tried out at once, on a copy.
    package var powerCheckPercent = 8

    private let disks = DiskNames()

    /// A name that no other disk of this process has.
    func nextDisk() -> UInt64 { disks.next() }

    var book: UInt64 { books.current.id.value }

    /// `books` may lie in any folder: it holds the built-in price book and nothing else.
    package init?(books: BookShelf) {
        self.books = books
        guard let address = HostPort("gateway.test:7443") else { return nil }
        self.address = address
    }
}

/// Counts the disks of a process: their names are its only state that outlives a run, and nothing depends on them.
private final class DiskNames: Sendable {
    private let last = Guarded<UInt64>(0)

    func next() -> UInt64 {
        last.withLock { last in
            last += 1
            return last
        }
    }
}

/// How much of the code a run has met: a simulation that never gets anywhere would be clean too.
package struct Coverage: Hashable, Sendable {
    package var connections = 0
    package var batches = 0
    package var skips = 0
    package var gaps = 0
    package var probes = 0
    package var rejects = 0
    package var duplicates = 0
    package var rounds = 0
    package var kills = 0
    package var powerLosses = 0
    package var powerChecks = 0
    package var aborts = 0
    package var quarantines = 0
    package var viewTransactions = 0
    /// Stretches of ledgers that were cut for the views, and those of them that need no reading.
    package var stretches = 0
    package var wholeStretches = 0
    package var viewRebuilds = 0
    package var adoptedEvents = 0
    package var staleAppends = 0
    package var faults = 0
    package var calls = 0
    package var bytesWritten = 0

    package init() {}

    package var fields: [(name: String, value: Int)] {
        [
            ("calls", calls), ("faults", faults), ("kills", kills), ("power_losses", powerLosses),
            ("power_checks", powerChecks), ("aborts", aborts), ("connections", connections), ("batches", batches),
            ("rounds", rounds), ("rejects", rejects), ("skips", skips), ("gaps", gaps), ("probes", probes),
            ("duplicates", duplicates), ("stale_appends", staleAppends), ("quarantines", quarantines),
            ("view_transactions", viewTransactions), ("stretches", stretches), ("whole_stretches", wholeStretches),
            ("view_rebuilds", viewRebuilds),
            ("adopted_events", adoptedEvents),
            ("bytes_written", bytesWritten),
        ]
    }
}
