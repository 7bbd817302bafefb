import ArgumentParser
import TallyGenerator
import TallyModel

extension Parts {
    /// Bytes an event on the wire, beside the same events as JSON lines.
    struct Wire: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows bytes an event by size of batch, beside JSON lines.",
            discussion: """
                "body" is the BATCH body as it travels, "wire" that with the frame's and the batch's header. A batch of \
                JSON lines is compressed by itself, by the gzip on this machine; without one its column is 0.
                """)

        @Option(help: "Events a row.")
        var events = 20_000

        @Option(help: "Batches a row that are also compressed with gzip: each is a process of its own.")
        var gzipBatches = 40

        @OptionGroup var options: Options

        private static let sizes = [1, 10, 100, 500]
        /// The few sessions that the design's figures were taken with, and the many of a busy workstation.
        private static let interleaved = [5, EventLoad.liveSessions]

        func validate() throws {
            guard (500...2_000_000).contains(events) else { throw ValidationError("--events is 500 to 2000000") }
            guard (0...10_000).contains(gzipBatches) else { throw ValidationError("--gzip-batches is 0 to 10000") }
        }

        func run() throws {
            var rows: [Sheet] = []
            for sessions in Self.interleaved {
                for size in Self.sizes { rows.append(try row(sessions, size)) }
            }
            var sheet = Sheet()
            sheet.add("events_per_row", events)
            sheet.add("rows", rows)
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }

        private func row(_ sessions: Int, _ size: Int) throws -> Sheet {
            var load = BatchLoad(seed: options.seed, events: events, perBatch: size, sessions: sessions)
            try load.encode()
            load.makeFrames()
            try load.check()
            let count = Double(events)
            let lines = load.events.map(EventJSON.line)
            let jsonBytes = lines.reduce(0) { $0 + $1.utf8.count }
            var row = Sheet()
            row.add("sessions", sessions)
            row.add("events_per_batch", size)
            row.add("raw", Double(load.rawBytes) / count)
            row.add("body", Double(load.bodyBytes) / count)
            row.add("wire", Double(load.frameBytes) / count)
            row.add("json_lines", Double(jsonBytes) / count)
            row.add("json_lines_gzip", try gzipped(lines, size) ?? 0)
            return row
        }

        /// Bytes an event of the first batches, each compressed by itself.
        private func gzipped(_ lines: [String], _ size: Int) throws -> Double? {
            var bytes = 0
            var events = 0
            for start in stride(from: 0, to: lines.count, by: size).prefix(gzipBatches) {
                let batch = lines[start..<min(start + size, lines.count)]
                guard let compressed = try Gzip.bytes(of: batch.joined()) else { return nil }
                bytes += compressed
                events += batch.count
            }
            return events == 0 ? nil : Double(bytes) / Double(events)
        }
    }
}
