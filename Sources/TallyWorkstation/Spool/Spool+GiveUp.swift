import TallyLog
package import TallyModel
import TallyProtocol
package import TallyWire

/// What is told of events that will never be sent.
extension Spool {
    /// Sets the events of `run` aside and notes the gap. `before` stands right in front of the run; `kept` is the
    /// number of an earlier stream, where it is that stream's.
    package func giveUp(
        _ run: ClosedRange<Sequence64>, of kept: UInt32? = nil, reason: RejectReason, field: UInt8,
        before: StreamCursor, nowMs: Int64
    ) throws(WorkstationError) {
        let state = view(kept)
        var walk = SpoolWalk(disk)
        let after = try walk.cursor(at: run.upperBound, from: before, state)
        let events = try walk.events(run, state)
        var letters: [DeadLetterRecord] = []
        var start = 0
        while start < events.count {
            let body: EncodedBatch
            do throws(BatchRefusal) {
                body = try encode(events.span.extracting(start..<events.count))
            } catch {
                throw .spoolDamaged(ordinal: run.lowerBound.value)
            }
            letters.append(
                DeadLetterRecord(
                    reason: reason.rawValue, field: UInt16(field), first: run.lowerBound.advanced(by: UInt64(start)),
                    count: UInt32(body.count), body: body.raw))
            start += body.count
        }
        let totals = RunningTotals(
            tokens: after.totals.tokens - before.totals.tokens,
            reportedNanoUSD: after.totals.reportedNanoUSD - before.totals.reportedNanoUSD)
        try giveUp(
            letters,
            GapRecord(
                reason: reason.skipReason.rawValue, first: run.lowerBound, last: run.upperBound,
                chainAfter: after.chain, totals: totals, groups: Spool.groups(of: events)), of: kept, nowMs: nowMs)
    }

    /// Sums by model, in order of first use; models beyond the bound share the last group, which names none.
    static func groups(of events: [Event]) -> [GapRecord.Group] {
        var groups: [GapRecord.Group] = []
        for event in events {
            var place = groups.firstIndex { $0.model == event.model }
            if place == nil, groups.count == Limits.skipGroupsMax - 1, event.model != nil {
                place = groups.firstIndex { $0.model == nil }
            }
            if place == nil {
                let model = groups.count == Limits.skipGroupsMax - 1 ? nil : event.model
                groups.append(
                    GapRecord.Group(model: model, events: 0, counts: GapRecord.TokenCounts(), reportedNanoUSD: 0))
                place = groups.count - 1
            }
            guard let place else { continue }
            groups[place].add(event)
        }
        return groups
    }
}

extension GapRecord.Group {
    mutating func add(_ event: Event) {
        events += 1
        counts.input += UInt64(event.inputTokens)
        counts.cacheRead += UInt64(event.cacheReadTokens)
        counts.cacheWrite5m += UInt64(event.cacheWrite5mTokens)
        counts.cacheWrite1h += UInt64(event.cacheWrite1hTokens)
        counts.cacheWriteUnknown += UInt64(event.cacheWriteUnknownTokens)
        counts.output += UInt64(event.outputTokens)
        counts.reasoning += UInt64(event.reasoningTokens)
        counts.webSearches += UInt64(event.webSearches)
        reportedNanoUSD += UInt128(event.reportedCostNanoUSD ?? 0)
    }
}

extension GapRecord {
    /// The SKIP that tells of this gap; `chainAfter` as the stream has it now.
    func skip(chainAfter: ChainValue) -> Skip {
        Skip(
            first: first, last: last, chainAfter: chainAfter, reason: TallyWire.SkipReason(rawValue: reason) ?? .poison,
            groups: groups.map { group in
                let counts = group.counts
                return SkipGroup(
                    model: group.model, events: group.events,
                    tokenClasses: [
                        counts.input, counts.cacheRead, counts.cacheWrite5m, counts.cacheWrite1h,
                        counts.cacheWriteUnknown, counts.output, counts.reasoning,
                    ], reportedNanoUSD: group.reportedNanoUSD)
            })
    }
}
