import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// What a call was made of, by class: what the agents wrote, and what a ledger says of it.
struct CallCounts: Hashable, Sendable {
    var input: UInt64 = 0
    var cacheRead: UInt64 = 0
    var cacheWrite5m: UInt64 = 0
    var cacheWrite1h: UInt64 = 0
    var cacheWriteUnknown: UInt64 = 0
    var output: UInt64 = 0
    var reasoning: UInt64 = 0
    var webSearches: UInt64 = 0
    var reportedNanoUSD: UInt64 = 0

    init() {}

    init(_ event: Event) {
        input = UInt64(event.inputTokens)
        cacheRead = UInt64(event.cacheReadTokens)
        cacheWrite5m = UInt64(event.cacheWrite5mTokens)
        cacheWrite1h = UInt64(event.cacheWrite1hTokens)
        cacheWriteUnknown = UInt64(event.cacheWriteUnknownTokens)
        output = UInt64(event.outputTokens)
        reasoning = UInt64(event.reasoningTokens)
        webSearches = UInt64(event.webSearches)
        reportedNanoUSD = event.reportedCostNanoUSD ?? 0
    }

    /// Columns 12 to 17.
    var tokens: UInt64 { input + cacheRead + cacheWrite5m + cacheWrite1h + cacheWriteUnknown + output }
    var prompt: UInt64 { tokens - output }

    static func += (left: inout CallCounts, right: CallCounts) {
        left.input += right.input
        left.cacheRead += right.cacheRead
        left.cacheWrite5m += right.cacheWrite5m
        left.cacheWrite1h += right.cacheWrite1h
        left.cacheWriteUnknown += right.cacheWriteUnknown
        left.output += right.output
        left.reasoning += right.reasoning
        left.webSearches += right.webSearches
        left.reportedNanoUSD += right.reportedNanoUSD
    }
}

/// One call of an agent, as the world made it up.
///
/// Its number can be read from every event that tells of it: a usage event's uncached input is the number itself, and a
/// correction's whole prompt is the number and a multiple of `Call.numbersMax`. So an event that is missing, counted
/// twice, or with the wrong tenant is known by name, and no two mistakes can cancel out in a sum.
struct Call: Sendable {
    static let numbersMax: UInt64 = 100_000

    var number: UInt64
    var tenant: Int
    /// The machine whose agent made it.
    var machine: Int
    var session: String
    var model: String
    /// As the transcript tells, in milliseconds.
    var timeMs: Int64
    /// The largest of each class over the lines written so far: what must be counted.
    var counts = CallCounts()
    /// It must be counted; false where a machine's whole disk went back in time with it.
    var isCertain = true
    /// The number of its last growth, of all that there were.
    var grewAt = 0
    /// The appender is made to refuse it.
    var isPoison = false

    /// The call that an event tells of.
    static func number(of event: Event) -> UInt64 {
        switch event.kind {
        case .correction: UInt64(event.contextTokens ?? 0) % numbersMax
        default: UInt64(event.inputTokens)
        }
    }
}

/// The journal of everything that the agents of a world wrote.
final class Truth {
    private(set) var calls: [Call] = []

    /// Counts the growths of streamed messages.
    private(set) var growths = 0

    func grow(_ index: Int, output: UInt64) {
        growths += 1
        calls[index].counts.output += output
        calls[index].grewAt = growths
    }

    func begin(_ call: Call) -> Int {
        calls.append(call)
        return calls.count - 1
    }

    subscript(index: Int) -> Call {
        get { calls[index] }
        _modify { yield &calls[index] }
    }

    /// The next call's number: from 1.
    var nextNumber: UInt64 { UInt64(calls.count) + 1 }

    func call(_ number: UInt64) -> Call? {
        number > 0 && number <= UInt64(calls.count) ? calls[Int(number) - 1] : nil
    }
}
