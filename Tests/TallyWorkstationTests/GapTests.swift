import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import Testing

@testable import TallyWorkstation

/// What cannot be delivered: told, counted, kept, and delivered later where that becomes possible.
@Suite("Gaps and dead letters")
struct GapTests {
    private func poisoned(_ bench: CoreBench, every: Int = 10) {
        bench.gateway.refuses = { $0.inputTokens % UInt32(every) == 0 ? .fieldRange : nil }
    }

    @Test("A refused event becomes a dead letter and a gap with its sums at the gateway, and delays no other")
    func poison() throws {
        let bench = try CoreBench()
        poisoned(bench)
        bench.write(0..<50)
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.ledger.count == 45)
        let refused = (0..<50).filter { (100 + $0) % 10 == 0 }
        #expect(bench.gateway.gaps.map(\.reason).allSatisfy { $0 == .poison })
        #expect(bench.gateway.gaps.reduce(0) { $0 + $1.events } == 5)
        let state = bench.core.spool.state
        #expect(state.deadLetterEvents == 5)
        #expect(state.deadLetters.map { Int($0.record.count) } == [1, 1, 1, 1, 1])
        let kept = try state.deadLetters.flatMap { try $0.events() }
        #expect(kept.map(\.inputTokens) == refused.map { UInt32(100 + $0) })
        let tokens = kept.reduce(UInt128(0)) { $0 + UInt128($1.controlTokens) }
        #expect(bench.gateway.gaps.reduce(UInt128(0)) { $0 + UInt128($1.tokens) } == tokens)
        #expect(state.counts.refused.tokens == tokens)
        #expect(bench.core.uplink.counts.rejects >= 5)
        #expect(bench.core.uplink.counts.skippedEvents == 5)
        // Nothing is refused twice.
        #expect(try bench.sync() == 0)
        #expect(bench.core.spool.state.deadLetterEvents == 5)
    }

    @Test("Dead letters are listed with reason, column, range and sums, and with nothing else")
    func list() throws {
        let bench = try CoreBench()
        poisoned(bench, every: 104)
        bench.write(0..<6)
        #expect(try bench.sync() == 0)
        let letter = try #require(bench.core.spool.state.deadLetters.first)
        let event = try #require(try letter.events().first)
        let sequence = letter.record.first.value
        let expected = "1-\(sequence)  \(TimeText.utc(letter.atMs))  field_range (input_tokens)  events \(sequence) to "
        #expect(
            try LetterText.line(letter, isJSON: false)
                == expected + "\(sequence): 1 events, \(event.controlTokens) tokens, 0 nano-USD reported")
        let json =
            "{\"id\":\"1-\(sequence)\",\"at\":\"\(TimeText.utc(letter.atMs))\",\"at_ms\":\(letter.atMs),"
            + "\"reason\":\"field_range\",\"column\":\"input_tokens\",\"first\":\(sequence),\"last\":\(sequence),"
            + "\"events\":1,\"tokens\":\(event.controlTokens),\"reported_cost_nano_usd\":0}"
        #expect(try LetterText.line(letter, isJSON: true) == json)
        #expect(TimeText.utc(951_782_400_000) == "2000-02-29T00:00:00Z")
        #expect(TimeText.utc(1_790_000_000_123) == "2026-09-21T14:13:20Z")
    }

    @Test("Dead letters are sent again once the gateway takes them, each once, whatever crashes in between")
    func resend() throws {
        for seed in 0..<30 as Range<UInt64> {
            var random = SeededRandom(seed)
            let bench = try CoreBench(seed: seed)
            poisoned(bench)
            bench.write(0..<50)
            #expect(try bench.sync() == 0)
            if random.chance(50) { try bench.core.spool.roll(nowMs: bench.now.wallMs) }
            bench.gateway.refuses = { _ in nil }
            for _ in 0..<3 {
                if random.chance(60) { bench.disk.losePower(afterCalls: random.below(6)) }
                let command = bench.core.resend(.all, bench.now)
                bench.perform()
                if bench.code(command) == ExitStatus.success {
                    #expect(bench.core.spool.state.deadLetters.isEmpty, "seed \(seed)")
                }
                if random.chance(50) || bench.failure != nil { try bench.restart(losingPower: random.chance(50)) }
            }
            try bench.restart(losingPower: random.chance(50))
            let last = bench.core.resend(.all, bench.now)
            bench.perform()
            #expect(bench.code(last) == ExitStatus.success, "seed \(seed)")
            #expect(try bench.sync() == 0, "seed \(seed)")
            let found = bench.gateway.ledger.map(\.inputTokens).sorted()
            #expect(found == (0..<50).map { UInt32(100 + $0) }, "seed \(seed)")
            let state = bench.core.spool.state
            #expect(state.deadLetters.isEmpty && state.counts.resentEvents == 5, "seed \(seed)")
        }
    }

    @Test("One letter can be chosen; one that is not there is named, and the others go all the same")
    func choice() throws {
        let bench = try CoreBench()
        poisoned(bench)
        bench.write(0..<50)
        #expect(try bench.sync() == 0)
        let letters = bench.core.spool.state.deadLetters
        let missing = DeadLetter.ID(number: 1, first: Sequence64(9_999))
        let text = LetterChoice.these([letters[1].id, missing]).text
        let command = bench.core.resend(try #require(LetterChoice(text)), bench.now)
        bench.perform()
        #expect(bench.code(command) == ExitStatus.failure)
        #expect(bench.text(command).contains("1-9999"))
        #expect(bench.core.spool.state.deadLetters.map(\.id) == letters.map(\.id).filter { $0 != letters[1].id })
        #expect(LetterChoice("") == nil && LetterChoice("1-2 x") == nil && LetterChoice("all") == .all)
    }

    @Test("Dead letters outlive the segment that they were written in, up to a bound; what is dropped is counted")
    func kept() throws {
        let disk = LyingDisk(seed: 1)
        let spool = try Spool(on: disk, nowMs: 1)
        SpoolKit.give(0..<100, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 0)
        let body = [UInt8](repeating: 1, count: 60_000)
        for number in 1...100 as ClosedRange<UInt64> {
            let sequence = Sequence64(number)
            let letter = DeadLetterRecord(reason: 3, field: 0, first: sequence, count: 1, body: body)
            let gap = GapRecord(
                reason: 1, first: sequence, last: sequence, chainAfter: ChainValue(0), totals: .zero, groups: [])
            try spool.giveUp([letter], gap, nowMs: 2)
            if number % 30 == 0 { try spool.roll(nowMs: 3) }
        }
        let letters = spool.state.deadLetters
        #expect(letters.count == Limits.deadLetterBytesMax / 60_000)
        #expect(letters.last?.id == DeadLetter.ID(number: 1, first: Sequence64(100)))
        #expect(spool.state.counts.droppedEvents == UInt64(100 - letters.count))
        #expect(spool.state.deadLetterEvents == 100)
        try spool.acknowledge(
            spool.state.tip, epoch: StoreEpoch(1), backedUpThrough: spool.state.tip.sequence, nowMs: 3)
        try spool.roll(nowMs: 3)
        try spool.trim(nowMs: 3)
        #expect(spool.state.segmentStarts.count == 1)
        disk.kill()
        let again = try Spool(on: disk, nowMs: 4)
        #expect(again.state.deadLetters == letters)
        #expect(again.state.counts == spool.state.counts)
        #expect(again.state.deadLetterEvents == 100)
    }

    @Test("What the gateway lost and the spool no longer holds is told as TRIMMED, with its totals, and counted")
    func trimmed() throws {
        let bench = try CoreBench()
        let empty = bench.gateway.state
        bench.write(0..<30)
        #expect(try bench.sync() == 0)
        let lost = RunningTotals.of(bench.gateway.ledger)
        bench.gateway.backedUpThrough = bench.core.spool.state.tip.sequence
        try bench.core.spool.roll(nowMs: bench.now.wallMs)
        bench.write(30..<40)
        #expect(try bench.sync() == 0)
        #expect(bench.core.spool.state.lowestHeld == Sequence64(31))
        // Not even the backup is left.
        bench.cut()
        bench.gateway.restore(empty)
        bench.gateway.backedUpThrough = .zero
        try bench.run(for: .seconds(60))
        #expect(
            bench.gateway.gaps == [
                WireGateway.Gap(
                    first: 1, last: 30, reason: .trimmed, events: 30, tokens: UInt64(lost.tokens), reportedNanoUSD: 0)
            ])
        #expect(bench.gateway.ledger.map(\.inputTokens).sorted() == (30..<40).map { UInt32(100 + $0) })
        let counts = bench.core.spool.state.counts
        #expect(counts.trimmedEvents == 30 && counts.trimmed == lost)
        bench.write(40..<41)
        #expect(try bench.sync() == 0)
        try bench.restart(losingPower: false)
        #expect(bench.core.spool.state.counts == counts)
        let report = StatusReport(
            home: "/h", gateway: nil, state: bench.core.spool.state, live: bench.core.status(bench.now), isFull: false)
        #expect(report.text().contains("trimmed        30 events, \(lost.tokens) tokens, "))
        #expect(report.json().contains("\"trimmed\":{\"events\":30,\"tokens\":\(lost.tokens),"))
    }

    @Test("An older copy of the gateway is told again what it lost, once, out of segments that were kept")
    func keptSegments() throws {
        let bench = try CoreBench()
        bench.write(0..<20)
        #expect(try bench.sync() == 0)
        let copy = bench.gateway.state
        try bench.core.spool.roll(nowMs: bench.now.wallMs)
        bench.write(20..<60)
        #expect(try bench.sync() == 0)
        bench.cut()
        bench.gateway.restore(copy)
        try bench.run(for: .seconds(60))
        #expect(bench.gateway.ledger.map(\.inputTokens).sorted() == (0..<60).map { UInt32(100 + $0) })
        #expect(bench.gateway.gaps.isEmpty)
    }

    @Test("Gaps are remembered up to a bound: then the oldest that the gateway has acknowledged goes")
    func gapBound() {
        var state = SpoolState(newStream: StreamID(Bytes16(high: 1, low: 2)))
        func gap(_ number: UInt64) -> GapRecord {
            GapRecord(
                reason: 1, first: Sequence64(number), last: Sequence64(number), chainAfter: ChainValue(0),
                totals: .zero, groups: [])
        }
        let bound = UInt64(Limits.spoolGapsMax)
        for number in 1...bound + 10 { state.note(gap(2 * number), isRepeated: false) }
        #expect(state.gaps.count == Limits.spoolGapsMax + 10, "none of them is acknowledged")
        state.acknowledged.sequence = Sequence64(4)
        for number in bound + 11...bound + 20 { state.note(gap(2 * number), isRepeated: false) }
        #expect(state.gaps.first?.first == Sequence64(6))
        // Out of order and repeated ones find their place.
        let count = state.gaps.count
        state.note(gap(9), isRepeated: false)
        state.note(gap(10), isRepeated: true)
        #expect(state.gaps.count == count + 1)
        #expect(state.gaps.map(\.first) == state.gaps.map(\.first).sorted())
        #expect(state.gap(atOrAfter: Sequence64(9))?.first == Sequence64(9))
    }

    @Test("A backlog of small records goes out in far fewer frames")
    func merging() throws {
        let bench = try CoreBench()
        bench.isGatewayAway = true
        for number in 0..<400 {
            bench.write(number..<number + 1)
            bench.core.scanNow(settlingAll: true, bench.now)
            bench.perform()
            try bench.run(for: .milliseconds(100))
        }
        #expect(bench.core.spool.state.tip.sequence == Sequence64(400))
        bench.isGatewayAway = false
        #expect(try bench.sync(wait: .seconds(100)) == 0)
        #expect(bench.gateway.ledger.count == 400)
        #expect(bench.gateway.batches <= 4, "\(bench.gateway.batches)")
    }
}
