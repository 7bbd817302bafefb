package import TallyModel
package import TallyWire

/// Gathers what a gateway has counted of some sessions into the frames of one answer: the oldest events first, as many as
/// an answer may hold, and from when on the next answer has to tell.
///
/// Holds at most twice as many events as it tells, whatever is added.
package struct AdoptionAnswer: Sendable {
    package let question: Adopt
    private let eventsMax: Int
    private var items: [(order: Int, event: Event)] = []
    private var added = 0
    /// Events from here on are told by the next answer.
    private var endMs = Int64.max

    package init(
        _ question: Adopt, eventsMax: Int = Limits.adoptionFramesMax * Limits.batchEventsMax
    ) {
        self.question = question
        self.eventsMax = eventsMax
    }

    /// Whether an event of this time belongs to the answer: asked before the event is made.
    package func wants(timeMs: Int64) -> Bool { timeMs >= question.fromMs && timeMs < endMs }

    /// A counted event of one of the sessions.
    package mutating func add(_ event: Event) {
        guard wants(timeMs: event.timeMs) else { return }
        items.append((added, AdoptionAnswer.told(event)))
        added += 1
        if items.count >= 2 * eventsMax { prune() }
    }

    /// The frames; at least one.
    package consuming func frames() -> [Adopted] {
        prune()
        let events = items.map(\.event)
        var bodies: [EncodedBatch] = []
        var encoder = BatchEncoder()
        var start = 0
        while start < events.count, bodies.count < Limits.adoptionFramesMax {
            do throws(BatchRefusal) {
                let body = try encoder.encode(events.span.extracting(start..<events.count), after: ChainValue(0))
                start += body.count
                bodies.append(body)
            } catch {
                preconditionFailure("what a ledger holds is valid without the columns that are left out")
            }
        }
        if start < events.count { endMs = AdoptionAnswer.end(events[0].timeMs, beyond: events[start].timeMs) }
        guard !bodies.isEmpty else { return [Adopted(count: 0, nextMs: endMs, body: [], isLast: true)] }
        return bodies.indices.map { index in
            Adopted(
                count: UInt32(bodies[index].count), nextMs: endMs, body: bodies[index].raw,
                isLast: index == bodies.count - 1)
        }
    }

    /// Forgets the newest where there are too many.
    private mutating func prune() {
        items.sort { ($0.event.timeMs, $0.order) < ($1.event.timeMs, $1.order) }
        guard items.count > eventsMax else { return }
        endMs = AdoptionAnswer.end(items[0].event.timeMs, beyond: items[eventsMax].event.timeMs)
        let fitting = items.firstIndex { $0.event.timeMs >= endMs } ?? items.count
        items.removeLast(items.count - min(fitting, eventsMax))
    }

    /// Where an answer ends that begins with `first` and cannot tell all of the instant `beyond`. One instant with more
    /// events than an answer holds is told in part: the next answer goes on behind it.
    private static func end(_ first: Int64, beyond: Int64) -> Int64 { beyond > first ? beyond : first + 1 }

    /// The event without the columns that neither matching nor a difference has a use for.
    private static func told(_ event: Event) -> Event {
        var told = Event(
            kind: event.kind, timeMs: event.timeMs, session: event.session, agent: .other, model: event.model)
        told.inputTokens = event.inputTokens
        told.cacheReadTokens = event.cacheReadTokens
        told.cacheWrite5mTokens = event.cacheWrite5mTokens
        told.cacheWrite1hTokens = event.cacheWrite1hTokens
        told.cacheWriteUnknownTokens = event.cacheWriteUnknownTokens
        told.outputTokens = event.outputTokens
        told.reasoningTokens = event.reasoningTokens
        told.webSearches = event.webSearches
        told.reportedCostNanoUSD = event.reportedCostNanoUSD
        told.contextTokens = event.contextTokens
        told.state = event.state
        return told
    }
}
