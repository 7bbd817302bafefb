import Synchronization
import TallyIO
package import TallyModel

/// How far each tenant's ledger is durable, and whether it may be used: written by the keeper of the ledgers after each
/// barrier, read by the views, by reports and by metrics. The only thing those three share with the keeper.
package final class TenantBoard: Sendable {
    package enum Standing: Hashable, Sendable {
        /// Open; everything through the position is on stable storage.
        case open(durable: LedgerPosition)
        /// Not open yet, and nothing is wrong with it: opening it found no room or the like, as the text says, and is
        /// tried again.
        case waiting(String)
        /// Damaged and closed; the text says what is wrong and what to do.
        case quarantined(String)
    }

    private let standings = Guarded<[TenantID: Standing]>([:])

    package init() {}

    package func set(_ tenant: TenantID, _ standing: Standing?) {
        standings.withLock { $0[tenant] = standing }
    }

    package subscript(tenant: TenantID) -> Standing? { standings.withLock { $0[tenant] } }

    package var all: [TenantID: Standing] { standings.withLock { $0 } }
}
