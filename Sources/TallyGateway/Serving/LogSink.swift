import Foundation
import Logging
package import TallyModel

/// Where log events go: swift-log, one line each on standard error. It takes `LogEvent` alone, so that nothing can be
/// logged that is not a case of it.
package struct LogSink: Sendable {
    private let logger: Logger

    package init(level: TallyModel.LogEvent.Level) {
        var logger = Logger(label: "tallygate") { _ in LineHandler() }
        logger.logLevel = level.logger
        self.logger = logger
    }

    package func callAsFunction(_ event: TallyModel.LogEvent) {
        let parts = event.parts
        let fields = parts.fields.map { "\($0.name)=\($0.value.quotedIfNeeded)" }.joined(separator: " ")
        logger.log(level: event.level.logger, "\(fields.isEmpty ? parts.message : parts.message + " " + fields)")
    }
}

/// One event a line: time, level, message.
private struct LineHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: Logging.LogEvent) {
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
        StandardError.write("\(time) \(event.level) \(event.message)\n")
    }
}

/// Standard error, whole lines at a time.
package enum StandardError {
    package static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}

extension TallyModel.LogEvent.Level {
    fileprivate var logger: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }
}

extension String {
    /// A value with blanks in quotation marks, its own marks and control characters left out.
    fileprivate var quotedIfNeeded: String {
        let clean = filter { !$0.isNewline && $0 != "\"" }
        return clean.contains(" ") || clean.isEmpty ? "\"\(clean)\"" : clean
    }
}
