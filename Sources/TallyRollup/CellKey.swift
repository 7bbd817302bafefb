package import TallyModel

/// A `RollupKey` in three words: session, project and label are places in the aggregator's other tables, so that hashing
/// and comparing touch no text and little memory.
struct CellKey: FlatKey {
    private let sessionAndProject: UInt64
    let quarter: Int64
    /// Label, agent and origin: 32, 8 and 8 bits.
    private let small: UInt64

    /// `served`: agent and origin, 8 bits each.
    init(session: UInt32, project: UInt32, quarter: Int64, label: UInt32, served: UInt16) {
        sessionAndProject = UInt64(session) << 32 | UInt64(project)
        self.quarter = quarter
        small = UInt64(label) << 16 | UInt64(served)
    }

    /// No cell's: sessions are numbered below.
    static let none = CellKey(session: .max, project: .max, quarter: .min, label: .max, served: .max)

    func hash(_ key: HashKey) -> UInt64 {
        let hash = fold(sessionAndProject ^ key.first, UInt64(bitPattern: quarter) ^ key.second)
        return fold(small ^ hash ^ key.second, key.first | 1)
    }

    var session: Int { Int(sessionAndProject >> 32) }
    var project: Int { Int(truncatingIfNeeded: sessionAndProject & 0xFFFF_FFFF) }
    var label: UInt32 { UInt32(truncatingIfNeeded: small >> 16) }

    var agent: Agent {
        guard let agent = Agent(rawValue: UInt8(truncatingIfNeeded: small >> 8)) else {
            preconditionFailure("a cell is made from a valid event alone")
        }
        return agent
    }

    var origin: Origin {
        guard let origin = Origin(rawValue: UInt8(truncatingIfNeeded: small)) else {
            preconditionFailure("a cell is made from a valid event alone")
        }
        return origin
    }
}

/// A project in two words; both zero for none, which no project has.
struct ProjectCellKey: FlatKey {
    private let high: UInt64
    private let low: UInt64

    init(_ value: Bytes16) {
        high = value.high
        low = value.low
    }

    func hash(_ key: HashKey) -> UInt64 { fold(high ^ key.first, low ^ key.second) }

    var project: ProjectID? { ProjectID(Bytes16(high: high, low: low)) }
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

    init(_ session: Bytes16, _ workstation: WorkstationID) {
        self.workstation = workstation.value
        high = session.high
        low = session.low
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
