import TallyIO
import TallyLog
import TallyModel
import TallyWire

/// `tally deadletters`: what the gateway refused for ever, and the way back after it has learnt better.
extension Workstation {
    /// Numbers and reasons; there is no content to show.
    package func listDeadLetters(isJSON: Bool) throws(WorkstationError) -> Int32 {
        let state = try spoolState() ?? SpoolState()
        var lines: [String] = []
        for letter in state.deadLetters { lines.append(try LetterText.line(letter, isJSON: isJSON)) }
        if isJSON {
            Terminal.writeOutput("[\(lines.joined(separator: ","))]\n")
        } else {
            if lines.isEmpty { lines.append("there are no dead letters") }
            let dropped = state.counts.droppedEvents
            if dropped > 0 { lines.append("\(dropped) older events are kept no longer") }
            Terminal.writeOutput(lines.joined(separator: "\n") + "\n")
        }
        return ExitStatus.success
    }

    package func resendDeadLetters(_ choice: LetterChoice) throws(WorkstationError) -> Int32 {
        let console = Console()
        guard let lock = try ownOrHandOver() else {
            return try Handover.resend(home, choice, console)
        }
        let nowMs = WallClock.nowMs()
        let spool = try Spool(on: try home.spoolFolder(), nowMs: nowMs)
        let resent = try spool.resend(choice, nowMs: nowMs)
        try spool.close()
        _ = consume lock
        for id in resent.missing { Terminal.writeError("tally: \(WorkstationError.noLetter(id))\n") }
        Terminal.writeOutput(resent.text)
        return resent.missing.isEmpty ? ExitStatus.success : ExitStatus.failure
    }
}

enum LetterText {
    static func line(_ letter: DeadLetter, isJSON: Bool) throws(WorkstationError) -> String {
        let events = try letter.events()
        let tokens = events.reduce(UInt64(0)) { $0 + $1.controlTokens }
        let cost = events.reduce(UInt64(0)) { $0 + ($1.reportedCostNanoUSD ?? 0) }
        let reason = RejectReason(rawValue: letter.record.reason)?.word ?? "reason_\(letter.record.reason)"
        let column = UInt8(exactly: letter.record.field).flatMap { ColumnID(rawValue: $0)?.name }
        let (first, last) = (letter.record.first.value, letter.last.value)
        let time = TimeText.utc(letter.atMs)
        guard isJSON else {
            let blame = column.map { " (\($0))" } ?? ""
            return "\(letter.id)  \(time)  \(reason)\(blame)  events \(first) to \(last): \(events.count) events, "
                + "\(tokens) tokens, \(cost) nano-USD reported"
        }
        return "{\"id\":\"\(letter.id)\",\"at\":\"\(time)\",\"at_ms\":\(letter.atMs),\"reason\":\"\(reason)\","
            + "\"column\":\(column.map { "\"\($0)\"" } ?? "null"),\"first\":\(first),\"last\":\(last),"
            + "\"events\":\(events.count),\"tokens\":\(tokens),\"reported_cost_nano_usd\":\(cost)}"
    }
}
