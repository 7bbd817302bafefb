import TallyGateway
import TallyHTTP
import TallyIO
import TallyModel
import TallyPricing
import TallyWorkstation

@testable import TallyFuzzTargets

/// Mistakes planted into what reads text.
final class LosingLines: TranscriptSubject {
    override func lines(_ text: [UInt8], chunkBytes: Int) throws(SystemError) -> [[UInt8]?] {
        try super.lines(text, chunkBytes: chunkBytes).dropLast()
    }
}

final class ForgetfulParser: TranscriptSubject {
    /// Says something of a line that depends on the lines before it.
    private var lines = 0

    override func parse(_ line: [UInt8], as source: SourceKind, _ state: inout ParserState) -> [LineResult] {
        let results = super.parse(line, as: source, &state)
        lines += 1
        return lines % 2 == 0 ? results.map { _ in .nothing } : results
    }
}

final class RememberingParser: TranscriptSubject {
    override func parse(_ line: [UInt8], as source: SourceKind, _ state: inout ParserState) -> [LineResult] {
        defer { state.timeMs += 1 }
        return super.parse(line, as: source, &state)
    }
}

extension Event {
    /// More than it put out, which the rules forbid.
    var withTooMuchReasoning: Event {
        var event = self
        event.reasoningTokens = event.outputTokens + 1
        return event
    }
}

final class LaxCounter: TranscriptSubject {
    override func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let (events, delta) = super.events(&counter)
        return (events.map(\.withTooMuchReasoning), delta)
    }
}

final class BadDeltas: TranscriptSubject {
    override func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let (events, delta) = super.events(&counter)
        return (events, delta.dropLast())
    }
}

final class HastyHeads: HTTPSubject {
    /// Finds a head before its last byte.
    override func parse(_ bytes: [UInt8]) -> RequestParser.Outcome {
        let outcome = super.parse(bytes)
        return outcome == .needsMore ? super.parse(bytes + [10]) : outcome
    }
}

final class LongHeads: HTTPSubject {
    override func parse(_ bytes: [UInt8]) -> RequestParser.Outcome {
        let outcome = super.parse(bytes)
        guard case .request(let request, let count) = outcome else { return outcome }
        return .request(request, bytes: count + 1)
    }
}

final class QueryHeads: HTTPSubject {
    override func parse(_ bytes: [UInt8]) -> RequestParser.Outcome {
        let outcome = super.parse(bytes)
        guard case .request(var request, let count) = outcome else { return outcome }
        request.path += "?"
        return .request(request, bytes: count)
    }
}

final class EchoingAnswers: HTTPSubject {
    override func answer(_ refusal: RequestParser.Refusal) -> [UInt8] { super.answer(refusal) + [120] }
}

final class LaxShards: ConfigSubject {
    override func resolve(_ bytes: [UInt8]) throws(SettingsError) -> Settings {
        var settings = try super.resolve(bytes)
        settings.shards = 0
        return settings
    }
}

final class ForgetfulSettings: ConfigSubject {
    private var reads = 0

    override func resolve(_ bytes: [UInt8]) throws(SettingsError) -> Settings {
        var settings = try super.resolve(bytes)
        reads += 1
        settings.shards = 1 + reads % 2
        return settings
    }
}

final class EchoingSettings: ConfigSubject {
    override func resolve(_ bytes: [UInt8]) throws(SettingsError) -> Settings {
        do throws(SettingsError) { return try super.resolve(bytes) } catch {
            throw .value(key: "\u{1}" + String(decoding: bytes, as: UTF8.self), expected: "")
        }
    }
}

final class ChangingPrices: PricesSubject {
    private var calls: Int128 = 0

    override func price(_ book: PriceBook, _ event: Event, atMs: Int64) -> Price {
        calls += 1
        return .priced(Money(femtoUSD: calls), assumedCacheLifetime: false)
    }
}

final class NegativePrices: PricesSubject {
    override func price(_ book: PriceBook, _ event: Event, atMs: Int64) -> Price {
        .priced(Money(femtoUSD: -1), assumedCacheLifetime: false)
    }
}

final class FickleBooks: PricesSubject {
    private var loads = 0

    override func load(_ bytes: [UInt8]) throws(PriceBookError) -> PriceBook {
        loads += 1
        let book = try super.load(bytes)
        if loads % 2 == 0 { throw .tooLarge(bytes: bytes.count) }
        return book
    }
}

final class PlacelessBooks: PricesSubject {
    override func load(_ bytes: [UInt8]) throws(PriceBookError) -> PriceBook {
        throw .syntax(byte: bytes.count + 1, .unexpectedByte)
    }
}
