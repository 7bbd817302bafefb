import TallyHash
import TallyModel
import TallyPricing
import TallyRollup
import Testing

@testable import TallyWorkstation

/// One test for each of the fifteen pitfalls, named after it: docs/COUNTING.md tells what the right figure is and
/// who gives another. Each goes the whole way, from lines of a transcript through parser and counter to the price
/// book and the sums of a report, and states both figures, so that it fails when the rule is gone.
///
/// A source that is added brings its lines of a pitfall into the test of that pitfall.
@Suite("Pitfalls")
enum PitfallTests {}

/// A home of a test's own, and what it comes to.
struct PitfallBench {
    let scratch = try? Scratch()
    var bench: Bench
    private(set) var events: [Event] = []

    /// `files` by path, below the folder that is both a Claude and a Codex home.
    init(_ files: [String: String], eventsMax: Int = 64) throws {
        let scratch = try #require(scratch)
        for (name, text) in files { try scratch.write(name, text) }
        bench = Bench(claude: scratch.path, codex: scratch.path, eventsMax: eventsMax)
        sync()
    }

    /// Reads what is new, and sends all that is held.
    mutating func sync() {
        bench.sync()
        events = bench.events
    }

    mutating func append(_ name: String, _ text: String) throws {
        try #require(scratch).append(name, text.utf8)
        sync()
    }

    func tally(_ source: SourceKind) -> SourceTally { bench.counter.tally(of: source) }

    /// The cells of a report that counts each event at its own time.
    func cells(_ book: PriceBook) -> [(key: RollupKey, counts: RollupCounts)] { reportCells(of: events, book) }

    /// Everything by the book that ships with the program.
    func sums() throws -> RollupCounts { try sums(PitfallBench.book()) }

    func sums(_ book: PriceBook) -> RollupCounts {
        cells(book).reduce(into: RollupCounts()) { $0 += $1.counts }
    }

    static func book() throws -> PriceBook { try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1)) }

    /// A book of one row for the model `m`; `more` are further members of the row.
    static func book(input: Int, more: String = "", id: UInt64 = 2) throws -> PriceBook {
        let row =
            #"{"provider":"x","models":["m"],"dated":false,"valid_from":null,"valid_to":null,"rates":{"input":"#
            + #"\#(input),"output":0},\#(more)"source":"a test","checked_on":"2026-11-23"}"#
        let text = #"{"format":1,"version":"test","prefixes":[],"rows":[\#(row)]}"#
        return try PriceBook(bytes: Array(text.utf8), id: PriceBookID(id))
    }
}

/// The sums that a report is made of, each event at its own time.
func reportCells(of events: [Event], _ book: PriceBook) -> [(key: RollupKey, counts: RollupCounts)] {
    var aggregator = Aggregator(book: book, hashKey: HashKey(first: 1, second: 2))
    for event in events { aggregator.add(event, workstation: WorkstationID(1), effectiveMs: event.timeMs) }
    return aggregator.drain().cells
}

/// Holds a figure against the right one; `wrong` is what others come to, and must differ, or the test shows nothing.
func expect<Value: Equatable>(
    _ found: Value, right: Value, wrong: Value..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(!wrong.contains(right), "a wrong figure that is right shows nothing", sourceLocation: sourceLocation)
    #expect(found == right, "wrong would be \(wrong)", sourceLocation: sourceLocation)
}

extension RollupCounts {
    /// All that was read as prompt, cached or not.
    var promptTokens: Int64 {
        inputTokens + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens + cacheWriteUnknownTokens
    }

    /// Rounded once.
    var nanoUSD: Int128 { cost.nanoUSDRounded }
}
