package import TallyModel
package import TallyPricing

/// The rows of the catalog, as values.

package struct Tenant: Hashable, Sendable {
    package let id: TenantID
    package let name: TenantName
    package let plan: Plan
    package let retention: Retention
    package let createdMs: Int64
    package let state: TenantState
    package let epoch: StoreEpoch
    /// 32 bytes: the key under which workstations hash their projects.
    package let projectKey: [UInt8]
    /// The name of the tenant's folder: 32 hexadecimal digits that say nothing about it.
    package let folder: String

    package init(
        id: TenantID, name: TenantName, plan: Plan, retention: Retention, createdMs: Int64, state: TenantState,
        epoch: StoreEpoch, projectKey: [UInt8], folder: String
    ) {
        self.id = id
        self.name = name
        self.plan = plan
        self.retention = retention
        self.createdMs = createdMs
        self.state = state
        self.epoch = epoch
        self.projectKey = projectKey
        self.folder = folder
    }
}

package enum TenantState: UInt8, Vocabulary {
    case active = 1
    /// Refuses everything; its folder is being removed, now or at the next start.
    case deleting
    package var name: String { "\(self)" }
}

/// The random numbers that a new tenant needs.
package struct TenantDraws: Sendable {
    package static let bytesCount = 56

    let epoch: UInt64
    let projectKey: [UInt8]
    let folder: Bytes16

    /// Precondition: `bytesCount` bytes from the system's random source.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == TenantDraws.bytesCount, "a tenant takes 56 random bytes")
        epoch = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        projectKey = Array(bytes[8..<40])
        folder = Bytes16(bytes[40...])
    }
}

package struct Workstation: Hashable, Sendable {
    package let id: WorkstationID
    package let tenant: TenantID
    package let label: WorkstationLabel
    package let createdMs: Int64
    package let revokedMs: Int64?
    package let lastSeenMs: Int64?

    package var isLive: Bool { revokedMs == nil }
}

/// Who did something, for the audit rows: numbers alone.
package enum Actor: Hashable, Sendable {
    /// The gateway itself.
    case gateway
    /// A command on this machine, by its user's number.
    case user(UInt32)
    case workstation(WorkstationID)
}

/// Who changes the catalog, and when.
package struct Stamp: Hashable, Sendable {
    package let actor: Actor
    /// Milliseconds since 1970, UTC.
    package let timeMs: Int64

    package init(actor: Actor, timeMs: Int64) {
        self.actor = actor
        self.timeMs = timeMs
    }
}

/// What was done. The numbers of a row mean what its case says.
package enum AuditAction: UInt8, Vocabulary {
    /// The plan's number, days of retention.
    case tenantCreated = 1
    case tenantDeletionBegun
    case tenantDeleted
    case epochRenewed
    /// The workstation's number.
    case workstationEnrolled
    /// The workstation's number.
    case workstationRevoked
    /// The setting's number.
    case settingChanged
    /// Whatever the gateway counts, one number each.
    case gatewayStarted
    case gatewayStopped
    /// The column's number, the workstation's: a name reserved for content was sent and turned away.
    case contentRejected
    /// Ledger records that were folded anew.
    case viewsRebuilt
    /// The book's number, 1 where it is the program's own.
    case priceBookUsed

    package var name: String {
        switch self {
        case .tenantCreated: "tenant_created"
        case .tenantDeletionBegun: "tenant_deletion_begun"
        case .tenantDeleted: "tenant_deleted"
        case .epochRenewed: "epoch_renewed"
        case .workstationEnrolled: "workstation_enrolled"
        case .workstationRevoked: "workstation_revoked"
        case .settingChanged: "setting_changed"
        case .gatewayStarted: "gateway_started"
        case .gatewayStopped: "gateway_stopped"
        case .contentRejected: "content_rejected"
        case .viewsRebuilt: "views_rebuilt"
        case .priceBookUsed: "price_book_used"
        }
    }
}

package struct AuditRow: Hashable, Sendable {
    package let stamp: Stamp
    package let tenant: TenantID?
    package let action: AuditAction
    package let first: Int64
    package let second: Int64

    package init(stamp: Stamp, tenant: TenantID?, action: AuditAction, first: Int64 = 0, second: Int64 = 0) {
        self.stamp = stamp
        self.tenant = tenant
        self.action = action
        self.first = first
        self.second = second
    }
}

/// That new records name this price book from then on.
package struct PriceBookUse: Hashable, Sendable {
    package let book: PriceBookID
    /// Milliseconds since 1970, UTC, by the gateway's clock.
    package let fromMs: Int64
    /// Whether it is used because the program ships with it.
    package let isShipped: Bool
}

/// What a data folder remembers between runs.
package enum Setting: UInt8, Vocabulary {
    /// HOST:PORT that the gateway last accepted on.
    case listenAddress = 1
    /// HOST:PORT that workstations are told to dial.
    case publicAddress
    package var name: String { self == .listenAddress ? "listen_address" : "public_address" }
}
