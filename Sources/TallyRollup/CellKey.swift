package import TallyModel

/// A `RollupKey` in eight words, the label as a number of this aggregator: hashing and comparing touch no text
/// and call nothing of another module.
struct CellKey: FlatKey {
    private let sessionHigh: UInt64
    private let sessionLow: UInt64
    /// Both zero for no project, which no project has.
    private let projectHigh: UInt64
    private let projectLow: UInt64
    let quarter: Int64
    private let workstationValue: UInt64
    /// Label, agent and origin: 32, 8 and 8 bits.
    private let small: UInt64

    init(_ event: Event, workstation: WorkstationID, label: UInt32, quarter: Int64) {
        sessionHigh = event.session.value.high
        sessionLow = event.session.value.low
        projectHigh = event.project?.value.high ?? 0
        projectLow = event.project?.value.low ?? 0
        self.quarter = quarter
        workstationValue = workstation.value
        small = UInt64(label) << 16 | UInt64(event.agent.rawValue) << 8 | UInt64(event.origin.rawValue)
    }

    func hash(_ key: HashKey) -> UInt64 {
        var hash = fold(sessionHigh ^ key.first, sessionLow ^ key.second)
        hash = fold(projectHigh ^ hash ^ key.second, projectLow ^ key.first)
        hash = fold(UInt64(bitPattern: quarter) ^ hash ^ key.first, workstationValue ^ key.second)
        return fold(small ^ hash ^ key.second, key.first | 1)
    }

    var label: UInt32 { UInt32(truncatingIfNeeded: small >> 16) }

    /// The key of reports, its label looked up by the caller.
    func rollup(model: Label) -> RollupKey {
        guard let session = SessionID(Bytes16(high: sessionHigh, low: sessionLow)),
            let agent = Agent(rawValue: UInt8(truncatingIfNeeded: small >> 8)),
            let origin = Origin(rawValue: UInt8(truncatingIfNeeded: small))
        else { preconditionFailure("a cell is made from a valid event alone") }
        return RollupKey(
            quarter: quarter, workstation: WorkstationID(workstationValue), agent: agent, model: model,
            origin: origin, project: ProjectID(Bytes16(high: projectHigh, low: projectLow)), session: session)
    }
}

/// A session as one workstation reports it. The same id from two workstations is two entries: a copied
/// transcript must not overwrite the original.
package struct SessionKey: Hashable, Sendable {
    package let workstation: WorkstationID
    package let session: SessionID

    package init(workstation: WorkstationID, session: SessionID) {
        self.workstation = workstation
        self.session = session
    }
}

/// A `SessionKey` in three words.
struct SessionCellKey: FlatKey {
    private let workstation: UInt64
    private let high: UInt64
    private let low: UInt64

    init(_ session: SessionID, workstation: WorkstationID) {
        self.workstation = workstation.value
        high = session.value.high
        low = session.value.low
    }

    func hash(_ key: HashKey) -> UInt64 {
        let hash = fold(high ^ key.first, low ^ key.second)
        return fold(workstation ^ hash ^ key.second, key.first | 1)
    }

    var session: SessionKey {
        guard let session = SessionID(Bytes16(high: high, low: low)) else {
            preconditionFailure("a session is never zero")
        }
        return SessionKey(workstation: WorkstationID(workstation), session: session)
    }
}
