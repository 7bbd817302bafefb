import TallyIO
import TallyModel
import TallyWire

/// The lines of one `tally send`, cut out of the bytes as they come.
struct SendInput {
    var parser: NDJSONParser<WorkstationHash>
    var rest: [UInt8] = []
    /// The line is too long and is passed over up to its end.
    var isSkipping = false
    var badLines: UInt64 = 0
    let reply: Reply
    let began: SyncWaiter
}

extension Engine {
    /// Begins a `send`; its number is what `feed` and `endSend` take.
    package func beginSend(wait: Duration, reply: Reply) -> UInt64 {
        lastInput += 1
        inputs[lastInput] = SendInput(
            parser: NDJSONParser(hash: hash), reply: reply,
            began: SyncWaiter(
                reply: reply, wait: wait, tallies: spool.counter.tallies, tooOld: spool.state.tooOld,
                counts: uplink?.counts ?? UplinkCounts(), deadLetters: spool.state.deadLetterEvents,
                sources: [.ndjson], target: nil, scansToEnd: 0))
        return lastInput
    }

    /// Takes the next bytes. False if the spool has no room for them: offer them again later.
    package func feed(_ number: UInt64, _ bytes: [UInt8]) -> Bool {
        guard failure == nil, var input = inputs[number] else { return true }
        guard !spool.isFull else { return false }
        // Taken out, so that it is not copied while it changes.
        inputs[number] = nil
        do throws(WorkstationError) {
            var start = 0
            while let end = TailSearch.first(10, in: bytes.span, from: start, to: bytes.count) {
                try take(bytes.span.extracting(start..<end), &input)
                start = end + 1
            }
            keep(bytes.span.extracting(start..<bytes.count), &input)
            try commit(isGrouped: true)
        } catch {
            fail(error)
        }
        inputs[number] = input
        return true
    }

    /// No more bytes come: the last line may lack its end.
    package func endSend(_ number: UInt64) {
        guard var input = inputs.removeValue(forKey: number) else { return }
        if let failure { return refuse(input.reply, failure) }
        do throws(WorkstationError) {
            let nothing: [UInt8] = []
            if !input.rest.isEmpty || input.isSkipping { try take(nothing.span, &input) }
            try commit()
        } catch {
            fail(error)
            return refuse(input.reply, error)
        }
        wait_(
            input.began.wait, input.reply, sources: [.ndjson], target: spool.state.tip.sequence, scansToEnd: 0,
            badLines: input.badLines, since: input.began)
        checkWaiters()
    }

    private func keep(_ bytes: Span<UInt8>, _ input: inout SendInput) {
        guard !input.isSkipping else { return }
        input.rest.append(copying: bytes)
        if input.rest.count > NDJSONParser<WorkstationHash>.lineBytesMax {
            input.rest = []
            input.isSkipping = true
        }
    }

    private func take(_ bytes: Span<UInt8>, _ input: inout SendInput) throws(WorkstationError) {
        keep(bytes, &input)
        if spool.counter.isFull { try commit(isGrouped: true) }
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
            input.reply.error(error.description)
        }
        line.removeAll(keepingCapacity: true)
        swap(&line, &input.rest)
        input.isSkipping = false
    }
}
