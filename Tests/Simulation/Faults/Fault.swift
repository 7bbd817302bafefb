/// Something that goes wrong at an instant of a run.
package struct Fault: Hashable, Sendable {
    package enum Kind: UInt8, CaseIterable, Sendable {
        // A workstation.
        case workstationKilled, workstationStopped, workstationLosesPower, workstationLosesPowerInACall
        case workstationSyncFails, workstationDiskFull, workstationClockSteps
        case workstationRolledBack, workstationCloned, homeLost
        // The gateway.
        case gatewayKilled, gatewayStopped, gatewayLosesPower, gatewayLosesPowerInACall
        case gatewaySyncFails, gatewayDiskFull, gatewayClockSteps, gatewayCachesDropped
        case oldFolderPutBack, restored, tokenRevoked, tenantDeleted
        case tailBitFlipped, durableBitFlipped
        // Between them.
        case cut, clientLost, silence, partition
    }

    package var kind: Kind
    package var at: UInt64
    /// Whom it meets, where it meets a workstation.
    package var workstation: Int
    /// What else it needs to decide.
    package var draw: UInt64

    package init(kind: Kind, at: UInt64, workstation: Int = 0, draw: UInt64 = 0) {
        self.kind = kind
        self.at = at
        self.workstation = workstation
        self.draw = draw
    }
}

extension Fault.Kind {
    /// Seeds in a hundred that have it.
    var percent: Int {
        switch self {
        case .workstationKilled, .gatewayKilled, .gatewayLosesPower, .cut, .clientLost: 40
        case .workstationLosesPower, .gatewayLosesPowerInACall, .workstationLosesPowerInACall: 30
        case .workstationStopped, .gatewayStopped, .silence, .partition: 15
        case .workstationSyncFails, .gatewaySyncFails, .gatewayCachesDropped: 20
        case .workstationDiskFull, .gatewayDiskFull: 12
        case .workstationClockSteps, .gatewayClockSteps: 10
        case .workstationRolledBack, .workstationCloned, .homeLost: 10
        case .oldFolderPutBack, .restored, .tokenRevoked: 10
        case .tenantDeleted: 5
        case .tailBitFlipped, .durableBitFlipped: 6
        }
    }

    /// How often in one run, times the seed's density.
    var countMax: Int {
        switch self {
        case .cut, .clientLost: 5
        case .workstationKilled, .gatewayKilled, .gatewayLosesPower, .workstationLosesPower: 3
        case .workstationRolledBack, .workstationCloned, .homeLost, .tenantDeleted, .durableBitFlipped: 1
        case .oldFolderPutBack, .restored: 1
        default: 2
        }
    }

    /// In words, for a trace.
    package var name: String { "\(self)" }
}
