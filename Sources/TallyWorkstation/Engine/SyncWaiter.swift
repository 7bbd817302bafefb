import TallyModel
import TallyWire

/// One `sync` or `send` that waits until the gateway has what it is about.
struct SyncWaiter {
    let command: UInt64
    let wait: Duration
    let beganAt: MonotonicInstant
    /// What stood when it began, to tell the difference at the end.
    let start: Start
    let sources: [SourceKind]
    /// Known when the sources have been read.
    var target: Sequence64?
    /// The scan that was running when it came does not count: a later one must end.
    var scansToEnd: Int
    var badLines: UInt64 = 0
    /// Some of a `send` was refused for want of room.
    var isCut = false
    /// The stream that `target` counts in.
    var number: UInt32 = 0

    struct Start {
        let tallies: [SourceTally]
        let tooOld: UInt64
        let counts: UplinkCounts
        let deadLetters: UInt64
        let adopted: AdoptionReport
    }

    mutating func scanEnded(at tip: Sequence64) {
        guard target == nil else { return }
        scansToEnd -= 1
        if scansToEnd <= 0 { target = tip }
    }
}

extension EngineCore {
    /// Scans everything and answers when all of it is acknowledged and the gateway has been heard, or when nothing has
    /// moved for `wait`. Returns the number that the answers carry.
    package func sync(wait: Duration, _ now: WorkstationInstant) -> UInt64 {
        let command = nextCommand()
        if let failure {
            refuse(command, failure)
            return command
        }
        enlist(
            SyncWaiter(
                command: command, wait: wait, beganAt: now.monotonic, start: start(),
                sources: [.claude, .codex, .gemini], target: nil, scansToEnd: isScanning ? 2 : 1), now)
        scanNow(settlingAll: true, now)
        return command
    }

    func nextCommand() -> UInt64 {
        lastCommand += 1
        return lastCommand
    }

    func start() -> SyncWaiter.Start {
        SyncWaiter.Start(
            tallies: spool.counter.tallies, tooOld: spool.state.tooOld, counts: uplink.counts,
            deadLetters: spool.state.deadLetterEvents, adopted: spool.state.adopted)
    }

    func enlist(_ waiter: SyncWaiter, _ now: WorkstationInstant) {
        touch(now)
        var waiter = waiter
        waiter.number = spool.state.number
        waiters.append(waiter)
        uplink.askContact(now)
        armTicker(now)
    }

    func refuse(_ command: UInt64, _ error: WorkstationError) {
        tellError(command, error.description)
        emit(.reply(command, .done(ExitStatus.failure)))
    }

    func tellError(_ command: UInt64, _ text: String) { emit(.reply(command, .error("tally: \(text)\n"))) }

    func checkWaiters(_ now: WorkstationInstant) {
        guard !waiters.isEmpty else { return }
        let acknowledged = spool.state.acknowledged.sequence
        let still = now.monotonic.since(progressedAt)
        for index in waiters.indices where waiters[index].number != spool.state.number {
            // A new stream counts from 1, and holds everything that is still to go.
            waiters[index].number = spool.state.number
            if waiters[index].target != nil { waiters[index].target = spool.state.tip.sequence }
        }
        waiters.removeAll { waiter in
            if let target = waiter.target {
                if acknowledged >= target, isHeard(waiter), !uplink.owesOffers {
                    report(waiter, isSettled: true)
                    return true
                }
                tellProgress(waiter, target, acknowledged)
            }
            // A person must do something, and has not since this command began.
            let isHopeless = problem?.needsPerson == true && problemAt + Limits.contactFresh >= waiter.beganAt
            guard still >= waiter.wait || isHopeless else { return false }
            report(waiter, isSettled: false)
            return true
        }
    }

    /// The gateway has said something since the command began, or shortly before.
    private func isHeard(_ waiter: SyncWaiter) -> Bool {
        uplink.heardAt.map { $0 + Limits.contactFresh >= waiter.beganAt } ?? false
    }

    private func tellProgress(_ waiter: SyncWaiter, _ target: Sequence64, _ acknowledged: Sequence64) {
        let left = target.value - min(acknowledged.value, target.value)
        let why = problem.map { " (\($0.text))" } ?? ""
        emit(.reply(waiter.command, .progress("\(left) events to go\(why)")))
    }

    private func report(_ waiter: SyncWaiter, isSettled: Bool) {
        let (counts, before) = (uplink.counts, waiter.start)
        var text = ""
        for source in waiter.sources {
            text += SyncReport.line(source, now: spool.counter.tally(of: source), then: before.tallies)
        }
        let tooOld = spool.state.tooOld - before.tooOld
        if tooOld > 0 { text += "\(tooOld) events left out: older than the gateway keeps\n" }
        let adopted = spool.state.adopted.since(before.adopted)
        if adopted.events > 0 { text += SyncReport.adopted(adopted) + "\n" }
        let dead = spool.state.deadLetterEvents - before.deadLetters
        if dead > 0 { text += "\(dead) events refused by the gateway and set aside (see tally deadletters list)\n" }
        text += SyncReport.sent(
            events: counts.events - before.counts.events, batches: counts.batches - before.counts.batches,
            bytes: counts.bytes - before.counts.bytes)
        if waiter.sources.contains(.claude) {
            for path in scan.problems.paths { tellError(waiter.command, "cannot read \(path)") }
        }
        emit(.reply(waiter.command, .output(text)))
        if !isSettled { tellWhy(waiter) }
        emit(
            .reply(
                waiter.command,
                .done(ExitStatus.ofCommand(badLines: waiter.badLines, isSettled: isSettled && !waiter.isCut))))
    }

    private func tellWhy(_ waiter: SyncWaiter) {
        if let problem { tellError(waiter.command, problem.text) }
        if spool.isFull { tellError(waiter.command, WorkstationError.spoolFull.description) }
        let left = spool.state.unacknowledged
        let owed = spool.state.streamsToOffer.count
        if owed > 0 { tellError(waiter.command, "\(owed) earlier streams wait to be offered to the restored gateway") }
        tellError(
            waiter.command,
            left > 0
                ? "\(left) events safely spooled; they are sent when it works again"
                : "nothing waits to be sent, but the gateway was not heard")
    }
}
