import Foundation
import Testing

@testable import TallyFuzzTargets

/// A planted mistake and what must be said of it.
struct Planted: CustomTestStringConvertible, Sendable {
    let target: String
    /// Part of the promise that it breaks.
    let promise: String
    let make: @Sendable () -> any FuzzSubject

    var testDescription: String { "\(target): \(promise)" }

    init(_ target: String, _ promise: String, _ make: @escaping @Sendable () -> any FuzzSubject) {
        self.target = target
        self.promise = promise
        self.make = make
    }

    static let all: [Planted] = [
        Planted("frame", "these bytes and no others") { LosingFrames() },
        Planted("frame", "lies within the bytes that are there") { HastyFrames() },
        Planted("frame", "no more is asked for") { GreedyFrames() },
        Planted("frame", "whether the body is copied or not") { OtherHeaders() },
        Planted("frame", "whether it is read through or decoded") { OtherReadings() },
        Planted("frame", "is refused when it is decoded") { StrictReadings() },
        Planted("lz4", "is taken if the specification takes it") { LaxBlocks() },
        Planted("lz4", "the bytes that the specification says") { OtherBlocks() },
        Planted("lz4", "shorter than its text") { LongBlocks() },
        Planted("lz4", "no block changes the dictionary") { SpoiltDictionary() },
        Planted("batch", "the one form of its rows") { LaxBodies() },
        Planted("batch", "names one row or the whole batch") { OtherRows() },
        Planted("batch", "is refused again, for the same reason") { FickleRefusals() },
        Planted("batch", "no event that breaks a rule is encoded") { LaxEvents() },
        Planted("batch", "refused only if it breaks a rule") { StrictEvents() },
        Planted("batch", "totals are those of the rows") { OtherTotals() },
        Planted("batch", "however its events are cut") { CutChains() },
        Planted("batch", "another total is seen") { LaxTotals() },
        Planted("batch", "opens to the batch that was put into it") { OtherFrames() },
        Planted("gateway", "an ACK tells what is durable") { EarlyAck() },
        Planted("gateway", "a commit of an open session is acknowledged") { SilentCommit() },
        Planted("gateway", "is decoded") { LaxOrder() },
        Planted("gateway", "a REJECT names the whole batch") { OtherRejects() },
        Planted("gateway", "a gap is appended while") { LaxSkips() },
        Planted("gateway", "what has no room is BUSY") { HoldingOffWrongly() },
        Planted("gateway", "credit is what was granted") { OtherWelcome() },
        Planted("gateway", "what is due ends the session") { NeverDue() },
        Planted("gateway", "the bytes of its PING") { OtherPongs() },
        Planted("gateway", "a REJECT names the") { OtherRefusals() },
        Planted("workstation", "beyond the bytes granted") { Spendthrift() },
        Planted("workstation", "what is sent is next") { Skipping() },
        Planted("workstation", "what has ended answers nothing") { Undead() },
        Planted("workstation", "no event outside the run is given up") { GivingUpOthers() },
        Planted("workstation", "a deadline lies ahead") { LateDeadline() },
        Planted("workstation", "before the shortest wait") { Impatient() },
        Planted("workstation", "to the token") { AdoptingWrongly() },
        Planted("log", "a log is read to its end") { ForgetfulLog() },
        Planted("log", "in the order of their numbers") { MixedLog() },
        Planted("log", "what is found is what was written") { OtherLog() },
        Planted("log", "where there is damage nothing is changed") { MeddlingLog() },
        Planted("log", "a log that nobody touched is opened") { ShyLog() },
        Planted("transcript", "in whatever chunks it is read") { LosingLines() },
        Planted("transcript", "whatever it has read before") { ForgetfulParser() },
        Planted("transcript", "remembers of a file is in its state") { RememberingParser() },
        Planted("transcript", "keeps the rules of its kind") { LaxCounter() },
        Planted("transcript", "a delta of a counter can be applied") { BadDeltas() },
        Planted("http", "not found before it is whole") { HastyHeads() },
        Planted("http", "within the bytes and its bound") { LongHeads() },
        Planted("http", "a path has no query") { QueryHeads() },
        Planted("http", "which rule was broken and nothing else") { EchoingAnswers() },
        Planted("otlp", "in whatever pieces its bytes come") { LosingPieces() },
        Planted("otlp", "no more is held than was sent") { HoardingExchange() },
        Planted("otlp", "one of our sentences and nothing else") { EchoingReceiver() },
        Planted("otlp", "a packed export gives what it holds") { OtherPackings() },
        Planted("otlp", "what is not known of an export is passed over") { CuriousJSON() },
        Planted("otlp", "what its records give in JSON without their content") { ContentCosts() },
        Planted("otlp", "what its records give in JSON without their content") { LaxProtobuf() },
        Planted("otlp", "a model's label is one that was sent") { OtherModels() },
        Planted("otlp", "reasoning is part of the output") { OtherReasoning() },
        Planted("otlp", "a record is one call at most") { DoubledCalls() },
        Planted("otlp", "keeps the rules of its kind") { LaxTelemetry() },
        Planted("otlp", "an event's model is that of a call") { OtherEvents() },
        Planted("otlp", "a delta of a counter can be applied") { BadTelemetryDeltas() },
        Planted("otlp", "sent again counts nothing") { ForgetfulReceiver() },
        Planted("config", "shards are within their bound") { LaxShards() },
        Planted("config", "are the same when read again") { ForgetfulSettings() },
        Planted("config", "repeats nothing of the file") { EchoingSettings() },
        Planted("prices", "a price is the same each time") { ChangingPrices() },
        Planted("prices", "nothing costs less than nothing") { NegativePrices() },
        Planted("prices", "a book that loads does so again") { FickleBooks() },
        Planted("prices", "a place in the file is in the file") { PlacelessBooks() },
    ]
}

/// Promises that cannot be seen broken prove nothing.
@Suite("A planted mistake is found by an input of the corpus")
struct PlantedTests {
    @Test("Each planted mistake breaks the promise that it should", arguments: Planted.all)
    func found(planted: Planted) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "fuzz")
        let places = ["corpus", "regressions"].map { folder.appending(path: "\($0)/\(planted.target)").path }
        let subject = planted.make()
        var said: Set<String> = []
        for file in FuzzCorpus.files(places) {
            do throws(FuzzFinding) {
                _ = try subject.run(try bytes(file))
            } catch {
                if error.description.contains(planted.promise) { return }
                said.insert(error.description)
            }
        }
        Issue.record("no input found it; said was \(said.sorted())")
    }

    private func bytes(_ file: String) throws(FuzzFinding) -> [UInt8] {
        do { return try FuzzCorpus.bytes(file) } catch { throw FuzzFinding("unreadable: \(file)") }
    }
}
