import TallyModel
import TallyWire

/// What only a running engine knows, as it answers `tally status`: one `name value` a line.
package struct LiveStatus: Hashable, Sendable {
    /// `connected`, `connecting`, `waiting` or `stopped`; `unconfigured` where there is no gateway, `paused`
    /// while a pause holds.
    package var connection: String
    /// Seconds until the next dial, while waiting.
    package var dialsIn: UInt64?
    /// Seconds since the gateway was last heard.
    package var heardBefore: UInt64?
    package var counts = UplinkCounts()
    package var spooled: UInt64 = 0
    package var acknowledged: UInt64 = 0
    package var isReading = false
    package var isFull = false
    package var problem: String?

    /// There is none without a gateway and while a pause holds; numbers are then those of the spool alone.
    package var hasEngine: Bool { connection != "unconfigured" && connection != "paused" }

    package init(connection: String) { self.connection = connection }

    package func encode() -> String {
        var lines = ["connection \(connection)"]
        if let dialsIn { lines.append("dials_in \(dialsIn)") }
        if let heardBefore { lines.append("heard_before \(heardBefore)") }
        for (name, value) in fields { lines.append("\(name) \(value)") }
        lines.append("reading \(isReading ? 1 : 0)")
        lines.append("full \(isFull ? 1 : 0)")
        if let problem { lines.append("problem \(problem)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Nil where the text is not of `encode`; what a newer program adds is passed over.
    package init?(decoding text: String) {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n").prefix(64) {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        guard let connection = values["connection"] else { return nil }
        func number(_ name: String) -> UInt64? { values[name].flatMap { UInt64($0) } }
        self.connection = connection
        dialsIn = number("dials_in")
        heardBefore = number("heard_before")
        counts.events = number("sent") ?? 0
        counts.batches = number("batches") ?? 0
        counts.bytes = number("bytes") ?? 0
        counts.acknowledgedEvents = number("acknowledged_events") ?? 0
        counts.rejects = number("rejects") ?? 0
        counts.skippedEvents = number("skipped") ?? 0
        counts.connections = number("connections") ?? 0
        counts.offeredStreams = number("offered_streams") ?? 0
        spooled = number("spooled") ?? 0
        acknowledged = number("acknowledged") ?? 0
        isReading = number("reading") == 1
        isFull = number("full") == 1
        problem = values["problem"]
    }

    /// The numbers of this run, by the names that `status --json` uses too.
    package var fields: [(name: String, value: UInt64)] {
        [
            ("sent", counts.events), ("batches", counts.batches), ("bytes", counts.bytes),
            ("acknowledged_events", counts.acknowledgedEvents), ("rejects", counts.rejects),
            ("skipped", counts.skippedEvents), ("connections", counts.connections),
            ("offered_streams", counts.offeredStreams), ("spooled", spooled),
            ("acknowledged", acknowledged),
        ]
    }
}

extension EngineCore {
    package func status(_ now: WorkstationInstant) -> LiveStatus {
        var status: LiveStatus
        switch uplink.phase {
        case .waiting(let until):
            status = LiveStatus(connection: "waiting")
            status.dialsIn = until.since(now.monotonic).wholeNanoseconds / 1_000_000_000
        case .dialing: status = LiveStatus(connection: "connecting")
        case .connected: status = LiveStatus(connection: uplink.isOpen ? "connected" : "connecting")
        case .stopped: status = LiveStatus(connection: "stopped")
        }
        status.heardBefore = uplink.heardAt.map { now.monotonic.since($0).wholeNanoseconds / 1_000_000_000 }
        status.counts = uplink.counts
        status.spooled = spool.state.tip.sequence.value
        status.acknowledged = spool.state.acknowledged.sequence.value
        status.isReading = isScanning
        status.isFull = spool.isFull
        status.problem = failure?.description ?? problem?.text
        return status
    }
}
