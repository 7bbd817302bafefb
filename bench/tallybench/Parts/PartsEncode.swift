import ArgumentParser
import TallyGenerator
import TallyModel
import TallyWire

extension Parts {
    /// How many events, in batches of which size.
    struct BatchOptions: ParsableArguments {
        @Option(help: "Events in one batch: 1 to 4096.")
        var eventsPerBatch = 100

        @Option(help: "Events in all: up to 20 million.")
        var events = 1_000_000

        @Option(help: "How often each step is timed; the middle one is shown.")
        var rounds = 5

        func validate() throws {
            guard (1...Limits.batchEventsMax).contains(eventsPerBatch) else {
                throw ValidationError("--events-per-batch is 1 to \(Limits.batchEventsMax)")
            }
            guard (1...20_000_000).contains(events) else { throw ValidationError("--events is 1 to 20000000") }
            guard (1...1_000).contains(rounds) else { throw ValidationError("--rounds is 1 to 1000") }
        }
    }

    /// From events to frames, as a workstation makes them.
    struct Encode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Times encoding: columns, control totals and chain, then LZ4 and the frame.")

        @OptionGroup var batch: BatchOptions
        @OptionGroup var options: Options

        func run() throws {
            var load = BatchLoad(seed: options.seed, events: batch.events, perBatch: batch.eventsPerBatch)
            let rows = try Span.median(batch.rounds) { try load.encode() }
            let frames = try Span.median(batch.rounds) { load.makeFrames() }
            try load.check()
            var sheet = load.sheet()
            sheet.add("cpu_ns_per_event", Double((rows + frames).cpuNs) / Double(batch.events))
            sheet.add("wall_ns_per_event", Double((rows + frames).wallNs) / Double(batch.events))
            sheet.add(
                "steps",
                [
                    .step("columns, totals, chain", rows, per: batch.events),
                    .step("LZ4 and frame", frames, per: batch.events),
                ])
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }
    }

    /// From a frame's body to verified columns, as a gateway does it before it appends.
    struct Decode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Times decoding: LZ4, decoding with all checks of the canonical form, control totals and chain.")

        @OptionGroup var batch: BatchOptions
        @OptionGroup var options: Options

        func run() throws {
            var load = BatchLoad(seed: options.seed, events: batch.events, perBatch: batch.eventsPerBatch)
            try load.encode()
            load.makeFrames()
            var reader = BatchReading()
            // Each pass does what the one before does, and one step more.
            let opened = try Span.median(batch.rounds) { try reader.read(load, .open) }
            let decoded = try Span.median(batch.rounds) { try reader.read(load, .decode) }
            let verified = try Span.median(batch.rounds) { try reader.read(load, .verify) }
            try load.check()
            var sheet = load.sheet()
            sheet.add("cpu_ns_per_event", Double(verified.cpuNs) / Double(batch.events))
            sheet.add("wall_ns_per_event", Double(verified.wallNs) / Double(batch.events))
            sheet.add(
                "steps",
                [
                    .step("LZ4", opened, per: batch.events),
                    .step("decode and validate", decoded - opened, per: batch.events),
                    .step("control totals and chain", verified - decoded, per: batch.events),
                ])
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }
    }
}
