import TallyGenerator
import TallyIO
import TallyModel
import TestDisk

@testable import TallyWorkstation

/// A call of a home that its agent's telemetry tells of too.
///
/// Either may come first where both know the same. Where telemetry knows less (lifetimes of what was written to a
/// cache, a tier, a region), what is sent first cannot be moved to another price later, so there the transcript comes
/// first; and so it does where nothing ties the two, or a sidechain replays the call under an id of its own
/// (COUNTING.md, telemetry).
struct ToldCall {
    let call: GeneratedCall
    /// What telemetry says it cost; nil if it does not say.
    let costNanoUSD: UInt64?
    private let lateMs: Int64
    /// An answer said that it is counted.
    var isTaken = false

    init(_ call: GeneratedCall, _ random: inout TestDisk.SeededRandom) {
        self.call = call
        // What nothing ties to its transcript adds nothing, and the others do not say.
        let isTied = call.event.agent == .claudeCode && call.request != nil
        let isSilent = random.chance(30) || !isTied
        costNanoUSD = isSilent ? nil : call.event.reportedCostNanoUSD ?? UInt64(1 + random.below(5_000_000_000))
        lateMs = Int64(random.below(20_000))
    }

    /// The true call: what telemetry says of its cost is part of it.
    var event: Event {
        var event = call.event
        event.reportedCostNanoUSD = event.reportedCostNanoUSD ?? costNanoUSD
        return event
    }

    var needsTranscript: Bool {
        let event = call.event
        let isPlain =
            (event.tier == .unknown || event.tier == .standard) && event.region != .us && !call.isReplayed
            && event.cacheWrite5mTokens == 0 && event.cacheWrite1hTokens == 0
        return switch event.agent {
        case .claudeCode: !isPlain || call.request == nil
        case .codex: !isPlain
        default: true
        }
    }

    /// The same each time that it is asked for.
    var record: Export.Record {
        let event = call.event
        let prompt = Int64(event.inputTokens) + Int64(event.cacheReadTokens)
        var record: Export.Record
        switch event.agent {
        case .claudeCode:
            record = Export.Record(
                body: "claude_code.api_request",
                attributes: [
                    ("session.id", .text(call.session)), ("user.email", .text("SECRET")),
                    ("input_tokens", .integer(Int64(event.inputTokens))),
                    ("output_tokens", .text("\(event.outputTokens)")),
                    ("cache_read_tokens", .double(Double(event.cacheReadTokens))),
                    ("cache_creation_tokens", .integer(ToldCall.cacheWrite(event))),
                ])
            if let request = call.request { record.attributes.append(("request_id", .text(request))) }
            if event.speed != .unknown {
                record.attributes.append(("speed", .text(event.speed == .fast ? "fast" : "standard")))
            }
            if let costNanoUSD { record.attributes.append(("cost_usd", .text(ToldCall.dollars(costNanoUSD)))) }
        case .codex:
            record = .codex(
                [prompt, Int64(event.cacheReadTokens), Int64(event.outputTokens), Int64(event.reasoningTokens)],
                session: call.session)
            record.attributes.removeAll { $0.0 == "model" }
        default:
            let output = Int64(event.outputTokens) - Int64(event.reasoningTokens)
            record = .gemini(
                [
                    "input_token_count": prompt, "cached_content_token_count": Int64(event.cacheReadTokens),
                    "output_token_count": output, "thoughts_token_count": Int64(event.reasoningTokens),
                    "total_token_count": prompt + Int64(event.outputTokens),
                ], session: call.session)
            record.attributes.removeAll { $0.0 == "model" }
        }
        if let model = call.model { record.attributes.append(("model", .text(model))) }
        record.timeNanos = UInt64(event.timeMs + lateMs) * 1_000_000
        return record
    }

    private static func cacheWrite(_ event: Event) -> Int64 {
        Int64(event.cacheWrite5mTokens) + Int64(event.cacheWrite1hTokens) + Int64(event.cacheWriteUnknownTokens)
    }

    private static func dollars(_ nanoUSD: UInt64) -> String {
        "\(nanoUSD / 1_000_000_000).\(String(1_000_000_000 + nanoUSD % 1_000_000_000).dropFirst())"
    }
}

/// An exporter beside the agents: it tries until it is told that all is well, whoever is killed meanwhile.
extension HomeRun {
    private static let recordsMax = 6

    /// Tells of some calls, new ones and now and then old ones. What came to be in transcripts until now is read
    /// before it is counted, for the files stand still until it is answered or lost.
    mutating func tell() throws {
        let ready = told.indices.filter { mayTell(told[$0]) }.shuffled(using: &random)
        let chosen = Array(ready.prefix(1 + random.below(HomeRun.recordsMax)))
        guard !chosen.isEmpty else { return }
        bench.folders.flush()
        // Whether or not it is answered: what it said may have been counted.
        for index in chosen where !told[index].isTaken && !isSent(told[index].call) { counts.toldFirst += 1 }
        let export = Export(records: chosen.map { told[$0].record })
        let command = bench.core.take(export.request(random.chance(50) ? .json : .protobuf), bench.now)
        bench.perform()
        // Whatever has changed wakes a scan. What both tell alike may be counted without one, when patience is over.
        if random.chance(70) || chosen.contains(where: { told[$0].needsTranscript }) {
            bench.core.folderChanged(bench.now)
            bench.perform()
        }
        if random.chance(30) {
            // It is gone before it has answered, whether or not it has counted.
            var turns = random.below(12)
            try bench.run(for: .seconds(1)) { _ in
                turns -= 1
                return turns < 0
            }
            counts.lostExports += 1
            return try restart(losingPower: random.chance(50))
        }
        try bench.run(for: .seconds(5)) { $0.exported[command] != nil }
        guard case .taken(let rejected)? = bench.exported[command] else { return }
        counts.exports += 1
        rejectedRecords += rejected
        for index in chosen { told[index].isTaken = true }
    }

    /// Those that were told go on being sent now and then, to be found out as repeats.
    private func mayTell(_ told: ToldCall) -> Bool {
        if told.isTaken { return told.call.event.timeMs % 8 == 0 }
        return !told.needsTranscript || (file(of: told.call)?.isWhole ?? false)
    }

    /// The workstation has read all that a transcript will ever say of it, and holds nothing of that. (Of Gemini's calls
    /// telemetry counts nothing here.)
    private func isSent(_ call: GeneratedCall) -> Bool {
        guard let file = file(of: call), file.source != .gemini else { return true }
        guard file.isWhole, let facts = bench.folders.facts(file.path) else { return false }
        let state = bench.core.spool.counter.files[FileID(device: facts.device, inode: facts.inode)]
        return state.map { $0.checkpoint.offset == facts.bytes && $0.held == nil } ?? false
    }

    private func file(of call: GeneratedCall) -> GrowingFile? {
        let path = HomeRun.place(of: call.path)
        return files.first { $0.path == path }
    }
}
