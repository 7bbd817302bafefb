import TallyModel
import TallyWire
import Testing

@testable import TallyWorkstation

@Suite("Exports and the spool")
struct OTLPEngineTests {
    private func export(_ numbers: Range<Int>) -> OTLPRequest {
        Export(
            records: numbers.map {
                .claude(request: "req_\($0)", input: 100 + Int64($0), nanos: 1_789_999_999_000_000_000)
            }
        )
        .request(.protobuf)
    }

    @Test(
        "An export is answered when it is durable: a lost power loses nothing that was answered, a retry doubles nothing"
    )
    func durable() throws {
        for seed in 0..<20 as Range<UInt64> {
            let bench = try CoreBench(seed: seed)
            bench.core.follow(bench.now)
            bench.perform()
            var answered = 0
            for round in 0..<10 {
                var isTaken = false
                // The exporter tries until it is told that all is well.
                for attempt in 0..<6 where !isTaken {
                    let command = bench.core.take(export(answered..<answered + 5), bench.now)
                    bench.perform()
                    let turns = Int((seed &+ UInt64(round * 7 + attempt)) % 5)
                    var left = turns
                    if attempt < 4, (Int(seed) + round + attempt) % 3 == 0 {
                        try bench.run(for: .seconds(1)) { _ in
                            left -= 1
                            return left < 0
                        }
                        try bench.restart(losingPower: (Int(seed) + round) % 2 == 0)
                        bench.core.follow(bench.now)
                        bench.perform()
                        continue
                    }
                    try bench.run(for: .seconds(5)) { $0.exported[command] != nil }
                    isTaken = bench.exported[command] == .taken(rejected: 0)
                }
                #expect(isTaken, "seed \(seed)")
                answered += 5
                if round % 4 == 3 {
                    try bench.restart(losingPower: true)
                    bench.core.follow(bench.now)
                    bench.perform()
                }
            }
            #expect(try bench.sync() == 0, "seed \(seed)")
            #expect(bench.core.spool.counter.tally(of: .otlp).usageEvents == 50, "seed \(seed)")
            #expect(bench.core.spool.state.acknowledged.sequence.value == 50, "seed \(seed)")
        }
    }

    @Test("Transcripts that are there already are read before an export is counted, so that it adds what they lack")
    func transcriptsFirst() throws {
        let bench = try CoreBench()
        bench.core.follow(bench.now)
        bench.perform()
        bench.write(0..<5)
        let command = bench.core.take(export(0..<5), bench.now)
        #expect(bench.exported[command] == nil)
        bench.core.folderChanged(bench.now)
        bench.perform()
        try bench.run(for: .seconds(1)) { $0.exported[command] != nil }
        #expect(bench.exported[command] == .taken(rejected: 0))
        let counter = bench.core.spool.counter
        #expect(counter.tally(of: .claude).usageEvents == 5)
        #expect(counter.tally(of: .otlp).usageEvents == 0 && counter.tally(of: .otlp).corrections == 5)
    }

    @Test("Metrics are taken and not counted; damaged bodies are refused and leave nothing")
    func others() throws {
        let bench = try CoreBench()
        let metrics = bench.core.take(OTLPRequest(.metrics, .json, body: Array("SECRET".utf8)), bench.now)
        let damaged = bench.core.take(OTLPRequest(.logs, .json, body: Array("{\"resourceLogs\":".utf8)), bench.now)
        let empty = bench.core.take(OTLPRequest(.traces, .protobuf, body: []), bench.now)
        bench.perform()
        #expect(bench.exported[metrics] == .taken(rejected: 0))
        #expect(bench.exported[damaged] == .refused(.malformed))
        #expect(bench.exported[empty] == .taken(rejected: 0))
        #expect(bench.core.spool.counter.tally(of: .otlp).lines == 0)
    }
}
