package import TallyModel

/// What a stretch of ledger records adds to the views; applied in one transaction.
package struct ViewsDelta: Sendable {
    /// Where the views must stand before; nil for empty views.
    package var after: LedgerPosition?
    /// Where they stand afterwards: the last record of the stretch.
    package var through: LedgerPosition
    /// Added to what is there. A key may occur more than once.
    package var cells: [(RollupKey, RollupCounts)] = []
    /// Merged with what is there.
    package var sessions: [SessionSpan] = []
    /// Written over a gap of the same stream and first sequence.
    package var gaps: [GapRow] = []
    /// Written over the cursor of the same stream.
    package var streams: [StreamRow] = []

    package init(after: LedgerPosition?, through: LedgerPosition) {
        self.after = after
        self.through = through
    }
}

/// What is known of one session.
package struct SessionSpan: Hashable, Sendable {
    package var session: SessionID
    package var workstation: WorkstationID
    package var agent: Agent
    package var project: ProjectID?
    /// The lowest and highest effective time of its events.
    package var firstMs: Int64
    package var lastMs: Int64
    package var startedMs: Int64?
    package var endedMs: Int64?
    /// The latest state and since when; both or neither.
    package var state: AgentState?
    package var stateMs: Int64?

    package init(
        session: SessionID, workstation: WorkstationID, agent: Agent, project: ProjectID?, firstMs: Int64,
        lastMs: Int64
    ) {
        self.session = session
        self.workstation = workstation
        self.agent = agent
        self.project = project
        self.firstMs = firstMs
        self.lastMs = lastMs
    }
}

/// A range of a stream that will never arrive.
package struct GapRow: Hashable, Sendable {
    package var stream: StreamID
    package var workstation: WorkstationID
    package var first: Sequence64
    package var last: Sequence64
    /// The reason's number in the protocol.
    package var reason: UInt8
    package var events: UInt64
    package var reportedNanoUSD: UInt64
    package var receivedMs: Int64

    package init(
        stream: StreamID, workstation: WorkstationID, first: Sequence64, last: Sequence64, reason: UInt8,
        events: UInt64, reportedNanoUSD: UInt64, receivedMs: Int64
    ) {
        self.stream = stream
        self.workstation = workstation
        self.first = first
        self.last = last
        self.reason = reason
        self.events = events
        self.reportedNanoUSD = reportedNanoUSD
        self.receivedMs = receivedMs
    }
}

/// How far a stream has come, as a row of the views.
package struct StreamRow: Hashable, Sendable {
    /// The ledger's short name for it.
    package var number: UInt32
    package var stream: StreamID
    package var workstation: WorkstationID
    package var generation: Generation
    package var committed: Sequence64
    package var chain: ChainValue
    package var totals: RunningTotals
    package var isClosed: Bool

    package init(
        number: UInt32, stream: StreamID, workstation: WorkstationID, generation: Generation, committed: Sequence64,
        chain: ChainValue, totals: RunningTotals, isClosed: Bool
    ) {
        self.number = number
        self.stream = stream
        self.workstation = workstation
        self.generation = generation
        self.committed = committed
        self.chain = chain
        self.totals = totals
        self.isClosed = isClosed
    }
}
