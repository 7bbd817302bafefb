package import TallyModel

/// Who says which agents' processes there are. Looked through while sessions are watched; tests give another.
package protocol AgentLookout: Sendable {
    /// Folders of processes are hashed in place, so that they can be compared and are not kept.
    func look(_ hash: some KeyedHash) -> AgentSightings
}

/// What one look at this machine's processes saw.
package struct AgentSightings: Sendable {
    package struct Process: Hashable, Sendable {
        package let agent: Agent
        /// `KeyedHash.folder` of the one that it works in; 0 if it cannot be seen.
        package let folder: UInt64

        package init(agent: Agent, folder: UInt64) {
            self.agent = agent
            self.folder = folder
        }
    }

    /// A session in the registry of Claude Code, which keeps a file for each of its processes that has not ended
    /// cleanly.
    package struct Record: Hashable, Sendable {
        package let session: SessionID
        /// What it says that the session does, and since when; nil where it says nothing that we know.
        package let kind: SessionSign.Kind?
        package let timeMs: Int64
        /// Whether its process is there; false too where that cannot be known.
        package let isAlive: Bool

        package init(session: SessionID, kind: SessionSign.Kind?, timeMs: Int64, isAlive: Bool) {
            self.session = session
            self.kind = kind
            self.timeMs = timeMs
            self.isAlive = isAlive
        }
    }

    /// Processes can be seen at all. Where they cannot, nothing is ever said to be gone.
    package var seesProcesses = false
    package var processes: Set<Process> = []
    /// Transcripts that a process of an agent holds open.
    package var openFiles: Set<FileID> = []
    package var records: [SessionID: Record] = [:]

    package init() {}
}
