package import TallyModel

/// A `RollupKey` in eight words, the label as a number of this aggregator: hashing and comparing touch no text.
struct CellKey: FlatKey {
    let quarter: Int64
    let workstation: UInt64
    let session: Bytes16
    /// Zero for none, which no project has.
    let project: Bytes16
    let label: UInt32
    let agent: Agent
    let origin: Origin

    func hash(_ key: HashKey) -> UInt64 {
        let small = UInt64(label) << 16 | UInt64(agent.rawValue) << 8 | UInt64(origin.rawValue)
        var hash = fold(session.high ^ key.first, session.low ^ key.second)
        hash = fold(project.high ^ hash ^ key.second, project.low ^ key.first)
        hash = fold(UInt64(bitPattern: quarter) ^ hash ^ key.first, workstation ^ key.second)
        return fold(small ^ hash ^ key.second, key.first | 1)
    }
}

/// A session as one workstation reports it. The same id from two workstations is two entries: a copied
/// transcript must not overwrite the original.
package struct SessionKey: FlatKey, Hashable, Sendable {
    package let workstation: WorkstationID
    package let session: SessionID

    package init(workstation: WorkstationID, session: SessionID) {
        self.workstation = workstation
        self.session = session
    }

    func hash(_ key: HashKey) -> UInt64 {
        let hash = fold(session.value.high ^ key.first, session.value.low ^ key.second)
        return fold(workstation.value ^ hash ^ key.second, key.first | 1)
    }
}
