import Foundation
import TallyModel

extension Parts {
    /// An event as a line of JSON under the schema's names, without the columns that hold nothing: what a plain
    /// telemetry sender would put on the wire.
    enum EventJSON {
        static func line(_ event: Event) -> String {
            var fields = [
                text("kind", event.kind.name), number("time_ms", event.timeMs),
                text("session", event.session.value.uuidText),
            ]
            if let project = event.project { fields.append(text("project", project.value.uuidText)) }
            fields.append(text("agent", event.agent.name))
            if let model = event.model { fields.append(text("model", model.text)) }
            if event.origin != .unknown { fields.append(text("origin", event.origin.name)) }
            if event.speed != .unknown { fields.append(text("speed", event.speed.name)) }
            if event.tier != .unknown { fields.append(text("tier", event.tier.name)) }
            if event.region != .unknown { fields.append(text("region", event.region.name)) }
            if event.outcome != .unknown { fields.append(text("outcome", event.outcome.name)) }
            let counts: [(String, UInt32)] = [
                ("input_tokens", event.inputTokens), ("cache_read_tokens", event.cacheReadTokens),
                ("cache_write_5m_tokens", event.cacheWrite5mTokens),
                ("cache_write_1h_tokens", event.cacheWrite1hTokens),
                ("cache_write_unknown_tokens", event.cacheWriteUnknownTokens), ("output_tokens", event.outputTokens),
                ("reasoning_tokens", event.reasoningTokens), ("web_searches", UInt32(event.webSearches)),
                ("tool_calls", UInt32(event.toolCalls)), ("duration_ms", event.durationMs ?? 0),
            ]
            for (name, value) in counts where value != 0 { fields.append(number(name, value)) }
            return "{\(fields.joined(separator: ","))}\n"
        }

        private static func text(_ name: String, _ value: String) -> String { "\"\(name)\":\"\(value)\"" }
        private static func number(_ name: String, _ value: some BinaryInteger) -> String { "\"\(name)\":\(value)" }
    }

    /// The machine's own gzip, if it has one.
    enum Gzip {
        /// How long `text` is when compressed by itself at level 6; nil without the program.
        static func bytes(of text: String) throws -> Int? {
            let places = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
            let found = places.map { $0 + "/gzip" }.first { FileManager.default.isExecutableFile(atPath: $0) }
            guard let found else { return nil }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: found)
            process.arguments = ["-6", "-n", "-c"]
            let input = Pipe()
            let output = Pipe()
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            // A batch is larger than a pipe: it is written while the answer is read.
            let writer = input.fileHandleForWriting
            let bytes = Data(text.utf8)
            let writing = DispatchQueue(label: "tallybench.gzip")
            writing.async {
                try? writer.write(contentsOf: bytes)
                try? writer.close()
            }
            let compressed = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return process.terminationStatus == 0 ? compressed.count : nil
        }
    }
}
