import TallyIO
import TallyModel
import TallyWire

/// The lines of one `tally send`, cut out of the bytes as they come.
struct SendInput {
    var parser: NDJSONParser<WorkstationHash>
    var rest: [UInt8] = []
    /// The line is too long and is passed over up to its end.
    var isSkipping = false
    var lines: UInt64 = 0
    var badLines: UInt64 = 0
    let command: UInt64
    let wait: Duration
    let beganAt: MonotonicInstant
    let start: SyncWaiter.Start
}

extension EngineCore {
    /// Begins a `send`; its number is what `feed` and `endSend` take, and what the answers carry.
    package func beginSend(wait: Duration, _ now: WorkstationInstant) -> UInt64 {
        let command = nextCommand()
        inputs[command] = SendInput(
            parser: NDJSONParser(hash: hash), command: command, wait: wait, beganAt: now.monotonic, start: start())
        return command
    }

    /// Takes the next bytes. False if the spool has no room for them: offer them again later.
    package func feed(_ command: UInt64, _ bytes: [UInt8], _ now: WorkstationInstant) -> Bool {
        guard failure == nil, var input = inputs[command] else { return true }
        // Taken out, so that it is not copied while it changes.
        inputs[command] = nil
        defer { inputs[command] = input }
        do throws(WorkstationError) {
            try noteFullness(now)
            guard !spool.isFull else { return false }
            var start = 0
            while let end = TailSearch.first(10, in: bytes.span, from: start, to: bytes.count) {
                try take(bytes.span.extracting(start..<end), &input, now)
                start = end + 1
            }
            keep(bytes.span.extracting(start..<bytes.count), &input)
            try commit(now, isGrouped: true)
        } catch {
            fail(error)
        }
        return true
    }

    /// No more bytes come: the last line may lack its end. `isCut`: more came, and the spool had no room for it; the
    /// command refuses it and says from which line on.
    package func endSend(_ command: UInt64, isCut: Bool = false, _ now: WorkstationInstant) {
        guard var input = inputs.removeValue(forKey: command) else { return }
        if let failure { return refuse(command, failure) }
        do throws(WorkstationError) {
            let nothing: [UInt8] = []
            if !isCut, !input.rest.isEmpty || input.isSkipping { try take(nothing.span, &input, now) }
            try commit(now)
        } catch {
            fail(error)
            return refuse(command, error)
        }
        var waiter = SyncWaiter(
            command: command, wait: input.wait, beganAt: input.beganAt, start: input.start, sources: [.ndjson],
            target: spool.state.tip.sequence, scansToEnd: 0)
        waiter.badLines = input.badLines
        if isCut {
            waiter.isCut = true
            tellError(command, WorkstationError.sendRefused(line: input.lines + 1).description)
        }
        enlist(waiter, now)
        checkWaiters(now)
    }

    private func keep(_ bytes: Span<UInt8>, _ input: inout SendInput) {
        guard !input.isSkipping else { return }
        input.rest.append(copying: bytes)
        if input.rest.count > NDJSONParser<WorkstationHash>.lineBytesMax {
            input.rest = []
            input.isSkipping = true
        }
    }

    private func take(
        _ bytes: Span<UInt8>, _ input: inout SendInput, _ now: WorkstationInstant
    ) throws(WorkstationError) {
        keep(bytes, &input)
        input.lines += 1
        if spool.counter.isFull { try commit(now, isGrouped: true) }
        // Parser and line are parts of one value: the line is taken out while the parser changes.
        var line: [UInt8] = []
        swap(&line, &input.rest)
        do throws(NDJSONError) {
            let result: LineResult?
            if input.isSkipping {
                result = try input.parser.parse(nil)
            } else {
                result = try input.parser.parse(line.span)
            }
            if let result { spool.counter.take(result) }
        } catch {
            input.badLines += 1
            tellError(input.command, error.description)
        }
        line.removeAll(keepingCapacity: true)
        swap(&line, &input.rest)
        input.isSkipping = false
    }
}
