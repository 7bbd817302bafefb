import TallyModel

/// What a run of `ingest` found: its figures, and the account of what was acknowledged.
struct IngestReport {
    let options: IngestOptions
    let loop: LoadLoop
    let faults: PeerRoom.Faults
    /// Batches sent, on connections that stood, and not acknowledged after all that waiting.
    let unacknowledged: Int
    let before: IngestRun.Snapshot
    let after: IngestRun.Snapshot
    /// Whether the gateway's views had caught up before and after; nil where nobody could tell.
    let viewsSettled: Bool?
    let tokens: Int

    /// Nothing was refused, lost or left without an answer.
    var isSound: Bool { faults.areNone && unacknowledged == 0 }

    private var events: Int { loop.record.batches * options.eventsPerBatch }
    private var seconds: Double { Double(loop.record.nanoseconds) / 1e9 }
    private var ownCPU: UInt64 { after.own - before.own }
    private var chainsLate: Int { after.chainsLate - before.chainsLate }
    /// Of one core, while the clock ran.
    private var clientShare: Double { Double(ownCPU) / Double(max(1, after.at - before.at)) }
    private var isClientBound: Bool { clientShare > 0.9 || chainsLate > 0 }

    var results: Results {
        var results = Results()
        settings(&results)
        throughput(&results)
        latency(&results)
        server(&results)
        client(&results)
        results.add("unacknowledged_batches", unacknowledged)
        results.add("rejected", faults.rejects)
        results.add("goaways", faults.goAways)
        results.add("connections_lost", faults.lost)
        if let first = faults.first { results.add("first_fault", first) }
        return results
    }

    private func settings(_ results: inout Results) {
        results.add("command", "ingest")
        results.add("version", ProgramVersion.text)
        results.add("connections", options.connections)
        results.add("tokens", tokens)
        results.add("in_flight", options.inFlightMax)
        results.add("events_per_batch", options.eventsPerBatch)
        switch options.rate {
        case .highest: results.add("rate", "max")
        case .eventsPerSecond(let rate): results.add("rate", rate)
        }
    }

    private func throughput(_ results: inout Results) {
        results.add("events", events)
        results.add("batches", loop.record.batches)
        results.add("seconds", seconds, digits: 3)
        results.add("events_per_second", Int(Double(events) / max(1e-9, seconds)))
        if options.pace != nil {
            results.add("batches_held_back", loop.record.heldBack)
            results.add("fell_behind", loop.record.heldBack > 0)
        }
        results.add("wire_bytes_per_event", perEvent(Double(loop.record.bytes)), digits: 2)
        let tls = Double(loop.record.bytes + (after.records - before.records) * IngestReport.tlsRecordBytes)
        results.add("tls_bytes_per_event", perEvent(tls), digits: 2)
    }

    /// Header, inner type and tag of a TLS 1.3 record (RFC 8446 section 5.2, the AEADs of 16 bytes).
    private static let tlsRecordBytes = 22

    private func latency(_ results: inout Results) {
        let record = loop.record
        func microseconds(_ nanoseconds: UInt64) -> Double? {
            record.batches > 0 ? Double(nanoseconds) / 1_000 : nil
        }
        results.add("ack_p50_us", microseconds(record.latency(50)), digits: 1)
        results.add("ack_p99_us", microseconds(record.latency(99)), digits: 1)
        results.add("ack_p999_us", microseconds(record.latency(99.9)), digits: 1)
        results.add("ack_max_us", microseconds(record.latencyMax), digits: 1)
    }

    private func server(_ results: inout Results) {
        var cpu: Double?
        if let end = after.server, let start = before.server, end >= start { cpu = Double(end - start) }
        results.add("server_cpu_ns_per_event", cpu.flatMap(perEvent), digits: 1)
        results.add(
            "server_cpu_us_per_batch", cpu.flatMap(perEvent).map { $0 * Double(options.eventsPerBatch) / 1_000 },
            digits: 2)
        results.add("server_cpu_seconds", cpu.map { $0 / 1e9 }, digits: 3)
        results.add("views_settled", viewsSettled.map { .flag($0) } ?? .none)
        guard let start = before.counters, let end = after.counters else { return }
        results.add("commits", end.commits &- start.commits)
        results.add("barriers", end.barriers &- start.barriers)
        results.add("segment_syncs", end.segmentSyncs &- start.segmentSyncs)
        results.add("file_system_syncs", end.fileSystemSyncs &- start.fileSystemSyncs)
        results.add("view_transactions", end.viewTransactions &- start.viewTransactions)
        results.add("gateway_events_committed", end.events &- start.events)
    }

    private func client(_ results: inout Results) {
        results.add("client_cpu_ns_per_event", perEvent(Double(ownCPU)), digits: 1)
        results.add("client_core_share", clientShare, digits: 3)
        results.add("client_bound", isClientBound)
    }

    /// What a reader of the figures must know, in words.
    var warnings: [String] {
        var words: [String] = []
        if chainsLate > 0 {
            words.append(
                "client bound: \(chainsLate) batches were sent beyond those prepared; measure for a shorter time")
        }
        if clientShare > 0.9 {
            words.append("client bound: tallybench used more than 90 % of its core; it measured itself")
        }
        if loop.record.heldBack > 0 {
            words.append(
                "fell behind: \(loop.record.heldBack) batches were due and never sent; they count with their age")
        }
        if viewsSettled == false {
            words.append("the gateway's views did not catch up in time: its processor time is not all of it")
        }
        if unacknowledged > 0 { words.append("\(unacknowledged) batches were never acknowledged") }
        if let first = faults.first { words.append("refused or lost; first: \(first)") }
        return words
    }

    private func perEvent(_ sum: Double) -> Double? { events > 0 ? sum / Double(events) : nil }

    /// Everything that was acknowledged, the warm-up too, by token: what the gateway's reports must say.
    var sent: String {
        var sums = [(events: Int, tokens: UInt64, reported: UInt64, connections: Int)](
            repeating: (0, 0, 0, 0), count: tokens)
        for stream in loop.streams {
            sums[stream.line].events += stream.acknowledged * options.eventsPerBatch
            sums[stream.line].tokens += stream.tokens
            sums[stream.line].reported += stream.reportedNanoUSD
            sums[stream.line].connections += 1
        }
        let rows = sums.enumerated().map { line, sum in
            "{\"line\":\(line + 1),\"connections\":\(sum.connections),\"events\":\(sum.events),"
                + "\"tokens\":\(sum.tokens),\"reported_cost_nano_usd\":\(sum.reported)}"
        }
        return "{\"tokens\":[\(rows.joined(separator: ","))]}\n"
    }
}
