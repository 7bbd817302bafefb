import TallyIO
import TallyModel
import TallyWire

/// One `sync` or `send` that waits until the gateway has what it is about.
struct SyncWaiter {
    let reply: Reply
    let wait: Duration
    /// What stood when it began, to tell the difference at the end.
    let tallies: [SourceTally]
    let tooOld: UInt64
    let counts: UplinkCounts
    let deadLetters: UInt64
    let sources: [SourceKind]
    /// Known when the sources have been read.
    var target: Sequence64?
    /// The scan that was running when it came does not count: a later one must end.
    var scansToEnd: Int
    var badLines: UInt64 = 0
    /// The stream that `target` counts in.
    var number: UInt32 = 0

    mutating func scanEnded(at tip: Sequence64) {
        guard target == nil else { return }
        scansToEnd -= 1
        if scansToEnd <= 0 { target = tip }
    }
}

extension Engine {
    /// Scans everything and answers when all of it is acknowledged, or nothing has moved for `wait`.
    package func sync(wait: Duration, reply: Reply) {
        if let failure { return refuse(reply, failure) }
        enlist(wait, reply, sources: [.claude, .codex], target: nil, scansToEnd: isScanning ? 2 : 1)
        scanNow(settlingAll: true)
    }

    func enlist(
        _ wait: Duration, _ reply: Reply, sources: [SourceKind], target: Sequence64?, scansToEnd: Int,
        badLines: UInt64 = 0, since: SyncWaiter? = nil
    ) {
        touch()
        var waiter = SyncWaiter(
            reply: reply, wait: wait, tallies: since?.tallies ?? spool.counter.tallies,
            tooOld: since?.tooOld ?? spool.state.tooOld, counts: since?.counts ?? uplink?.counts ?? UplinkCounts(),
            deadLetters: since?.deadLetters ?? spool.state.deadLetterEvents, sources: sources, target: target,
            scansToEnd: scansToEnd)
        waiter.badLines = badLines
        waiter.number = spool.state.number
        waiters.append(waiter)
        armTicker()
    }

    func refuse(_ reply: Reply, _ error: WorkstationError) {
        reply.error(error.description)
        reply.done(ExitStatus.failure)
    }

    func checkWaiters() {
        guard !waiters.isEmpty else { return }
        let acknowledged = spool.state.acknowledged.sequence
        let still = Duration.nanoseconds(Int64(clamping: ShardLoop.nowNanoseconds &- progressedAt))
        for index in waiters.indices where waiters[index].number != spool.state.number {
            // A new stream counts from 1, and holds everything that is still to go.
            waiters[index].number = spool.state.number
            if waiters[index].target != nil { waiters[index].target = spool.state.tip.sequence }
        }
        waiters.removeAll { waiter in
            if let target = waiter.target, acknowledged >= target {
                report(waiter, isSettled: true)
                return true
            }
            if let target = waiter.target { tellProgress(waiter, target, acknowledged) }
            guard still >= waiter.wait || problem?.needsPerson == true else { return false }
            report(waiter, isSettled: false)
            return true
        }
    }

    private func tellProgress(_ waiter: SyncWaiter, _ target: Sequence64, _ acknowledged: Sequence64) {
        let left = target.value - acknowledged.value
        let why = problem.map { " (\($0.text))" } ?? ""
        waiter.reply.progress("\(left) events to go\(why)")
    }

    private func report(_ waiter: SyncWaiter, isSettled: Bool) {
        let counts = uplink?.counts ?? waiter.counts
        var text = ""
        for source in waiter.sources {
            text += SyncReport.line(source, now: spool.counter.tally(of: source), then: waiter.tallies)
        }
        let tooOld = spool.state.tooOld - waiter.tooOld
        if tooOld > 0 { text += "\(tooOld) events left out: older than the gateway keeps\n" }
        let dead = spool.state.deadLetterEvents - waiter.deadLetters
        if dead > 0 { text += "\(dead) events refused by the gateway and set aside (see tally status)\n" }
        text += SyncReport.sent(
            events: counts.events - waiter.counts.events, batches: counts.batches - waiter.counts.batches,
            bytes: counts.bytes - waiter.counts.bytes)
        if waiter.sources.contains(.claude) {
            for path in scan.problems.paths { waiter.reply.error("cannot read \(path)") }
        }
        waiter.reply.output(text)
        if !isSettled {
            if let problem { waiter.reply.error(problem.text) }
            if spool.isFull { waiter.reply.error(WorkstationError.spoolFull.description) }
            waiter.reply.error("\(spool.state.unacknowledged) events safely spooled; they are sent when it works again")
        }
        waiter.reply.done(
            waiter.badLines > 0 || !isSettled
                ? ExitStatus.ofSend(badLines: waiter.badLines, isSettled: isSettled) : ExitStatus.success)
    }
}

/// The words of a `sync` at its end.
enum SyncReport {
    static func line(_ source: SourceKind, now: SourceTally, then: [SourceTally]) -> String {
        let before = then[Int(source.rawValue)]
        let parts = SkipReason.allCases.compactMap { reason -> String? in
            let count = now[reason] - before[reason]
            return count == 0 ? nil : "\(reason.name) \(count)"
        }
        var text = "\(source.name): \(now.lines - before.lines) lines read, "
        text += "\(now.usageEvents - before.usageEvents) calls counted"
        let corrections = now.corrections - before.corrections
        if corrections > 0 { text += ", \(corrections) corrections" }
        let other = now.otherEvents - before.otherEvents
        if other > 0 { text += ", \(other) other events" }
        if !parts.isEmpty { text += "; skipped: \(parts.joined(separator: ", "))" }
        return text + "\n"
    }

    static func sent(events: UInt64, batches: UInt64, bytes: UInt64) -> String {
        let each = events == 0 ? "" : " (\(tenths(bytes, events)) bytes an event)"
        return "sent \(events) events in \(batches) batches, \(bytes) bytes on the wire\(each)\n"
    }

    /// A quotient with one decimal, rounded.
    static func tenths(_ value: UInt64, _ by: UInt64) -> String {
        let tenths = (value * 10 + by / 2) / by
        return "\(tenths / 10).\(tenths % 10)"
    }
}
