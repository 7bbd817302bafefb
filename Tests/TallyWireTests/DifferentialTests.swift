import Foundation
import TallyModel
import TestEffort
import Testing
import VectorFiles

@testable import TallyWire

/// Compares this codec with the one of `protocol/reference`, which shares no code with it, on batches that nobody
/// chose. `TALLY_SEED` repeats a run, `TALLY_BATCHES` says how many batches each way takes.
@Suite("Two implementations agree on batches that nobody chose", .serialized)
struct DifferentialTests {
    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    private static let missing: Comment = "python3 is not installed, so there is nothing to compare with"
    private static let batches = Int(ProcessInfo.processInfo.environment["TALLY_BATCHES"] ?? "") ?? Effort.of(10_000)

    private let seed =
        ProcessInfo.processInfo.environment["TALLY_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...UInt64(UInt32.max))
    private let folder = FileManager.default.temporaryDirectory.appending(path: "tally-\(UUID().uuidString)")

    @Test(
        "What Swift encodes, Python finds canonical, byte for byte, with its chain, its totals and its LZ4 block",
        .enabled(if: python != nil, missing))
    func swiftToPython() throws {
        print("TALLY_SEED=\(seed)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "swift.bin")
        let compressed = try write(to: file)
        // Random numbers do not compress; what has a known model or a constant column does.
        #expect(compressed > Self.batches / 10)
        let (status, output) = try run(["--check", file.path])
        #expect(status == 0, "seed \(seed): \(output.prefix(4_000))")
        #expect(output.hasSuffix("\(Self.batches) passed, 0 failed\n"), "seed \(seed)")
    }

    /// How many batches were compressed.
    private func write(to file: URL) throws -> Int {
        try Data().write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        var events = RandomEvents(seed: seed)
        var encoder = BatchEncoder()
        var stream = StreamID(Bytes16(high: 0, low: 0))
        var chain = ChainValue(0)
        var compressed = 0
        for number in 0..<Self.batches {
            let isFirst = number % 50 == 0
            if isFirst {
                stream = StreamID(Bytes16(high: events.random.next(), low: events.random.next()))
                chain = Chain.initial(stream)
            }
            let rows = events.batch(size(number, &events.random))
            let encoded = try encoder.encode(rows.span, after: chain)
            let frame = encoder.frame(encoded, first: Sequence64(1))
            if frame.header.isLZ4 { compressed += 1 }
            let record = BatchRecord(
                name: "seed \(seed) batch \(number)", rows: Array(rows.prefix(encoded.count)), stream: stream,
                isFirst: isFirst, before: chain, encoded: encoded, lz4: frame.header.isLZ4 ? frame.body : nil)
            try handle.write(contentsOf: Data(record.bytes))
            chain = encoded.chainAfter
        }
        return compressed
    }

    /// Mostly small, since there the edges are; now and then a largest one.
    private func size(_ number: Int, _ random: inout SeededRandom) -> Int {
        if number == 17 { return Limits.batchEventsMax }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<85: return Int.random(in: 1...9, using: &random)
        case 85..<98: return Int.random(in: 10...40, using: &random)
        default: return Int.random(in: 41...130, using: &random)
        }
    }

    @Test(
        "What Python encodes, Swift decodes and encodes again to the same bytes, and its LZ4 block yields them",
        .enabled(if: python != nil, missing))
    func pythonToSwift() throws {
        print("TALLY_SEED=\(seed)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "python.bin")
        let (status, output) = try run(
            ["--generate", file.path, "--seed", "\(seed)", "--count", "\(Self.batches)"])
        #expect(status == 0, "\(output.prefix(4_000))")
        var reader = PythonReader()
        var records = 0
        try BatchFile.records(file, as: BatchFile.Record.self) { record in
            records += 1
            let difference = try reader.difference(record)
            #expect(difference == nil, "seed \(seed), \(record.name)")
        }
        #expect(records == Self.batches)
    }

    @Test(
        "A damaged body is refused by both for the same reason, at the same column, row and run, or taken by both",
        .enabled(if: python != nil, missing))
    func damaged() throws {
        print("TALLY_SEED=\(seed)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "damaged.bin")
        let (status, output) = try run(["--damage", file.path, "--seed", "\(seed)", "--count", "\(Self.batches)"])
        #expect(status == 0, "\(output.prefix(4_000))")
        var reader = PythonReader()
        var records = 0
        var reasons: Set<String> = []
        try BatchFile.records(file, as: BatchFile.Damaged.self) { record in
            records += 1
            if let reason = record.reason { reasons.insert(reason) }
            let difference = try reader.difference(record)
            #expect(difference == nil, "seed \(seed), \(record.name)")
        }
        #expect(records == Self.batches)
        #expect(reasons.isSuperset(of: ["MALFORMED", "NON_CANONICAL", "FIELD_RANGE", "DECOMPRESS", "UNKNOWN_FIELD"]))
    }

    private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        guard let python = Self.python else { throw Vectors.Missing(description: "no python3") }
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [Vectors.root.appending(path: "protocol/reference/conformance.py").path] + arguments
        process.environment = ["PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

/// Holds the states of this codec while a file of another one is read.
private struct PythonReader: ~Copyable {
    private var decoder = BatchDecoder(hashSeed: 13)
    private var encoder = BatchEncoder()
    private var opener = BatchOpener()
    private var batch = Batch()

    /// What differs, or nil.
    mutating func difference(_ record: BatchFile.Record) throws -> String? {
        let raw = try Vectors.bytes(record.raw)
        let before = ChainValue(try Vectors.word(record.chain_before))
        let expected = EncodedBatch(
            count: record.rows.count, raw: raw, controlTokens: record.control_tokens,
            reportedNanoUSD: record.reported_nano_usd, chainAfter: ChainValue(try Vectors.word(record.chain_after)))
        if record.chain_zero == true, Chain.initial(StreamID(try Vectors.id(record.stream))) != before {
            return "the chain's first value"
        }
        let block = try Vectors.bytes(record.lz4)
        let header = BatchHeader(
            first: Sequence64(1), count: UInt32(expected.count), rawBytes: UInt32(raw.count),
            controlTokens: expected.controlTokens, reportedNanoUSD: expected.reportedNanoUSD,
            chainAfter: expected.chainAfter, isLZ4: true)
        do throws(BatchRefusal) {
            try opener.open(header, body: block.span)
            guard Array(opener.buffer[opener.raw]) == raw else { return "the LZ4 block" }
            try opener.decode(header, with: &decoder, into: &batch)
            try batch.verify(header, after: before)
            guard encoder.encode(batch, after: before) == expected else { return "the columns, encoded again" }
            let rows = batch.events
            guard rows.count == expected.count else { return "a row that is no event" }
            return try encoder.encode(rows.span, after: before) == expected ? nil : "the rows, encoded again"
        } catch {
            return "refused: \(error)"
        }
    }

    /// What is refused or taken otherwise, or nil.
    mutating func difference(_ record: BatchFile.Damaged) throws -> String? {
        let body = try Vectors.bytes(record.raw ?? record.lz4 ?? "")
        let header = BatchHeader(
            first: Sequence64(1), count: record.count, rawBytes: record.raw_bytes ?? UInt32(body.count),
            controlTokens: 0, reportedNanoUSD: 0, chainAfter: ChainValue(0), isLZ4: record.raw == nil)
        do throws(BatchRefusal) {
            try opener.open(header, body: body.span)
            try opener.decode(header, with: &decoder, into: &batch)
        } catch {
            let isSame =
                error.reason.vectorName == record.reason && error.field == record.field
                && error.index == record.index && error.run == record.run
            return isSame ? nil : "refused: \(error)"
        }
        return record.accepted == true ? nil : "taken"
    }
}
