import Dispatch
import Foundation
import Logging
import Synchronization
import TallyIO
package import TallyModel

/// Where log events go: swift-log, one line each on standard error. It takes `LogEvent` alone, so that nothing can be
/// logged that is not a case of it. Nobody can flood it: lines that peers cause are limited here and nowhere else.
package struct LogSink: Sendable {
    private let logger: Logger
    private let limiter = Limiter()
    private let now: @Sendable () -> MonotonicInstant
    private let later: @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    /// The limiter, behind a lock: every shard logs.
    private final class Limiter: Sendable {
        let state = Guarded(LogLimiter())
    }

    /// `write` gets whole lines with their line feed; tests listen there, and say what time it is.
    package init(
        level: TallyModel.LogEvent.Level, write: @escaping @Sendable (String) -> Void = StandardError.write,
        now: @escaping @Sendable () -> MonotonicInstant = LogSink.monotonic,
        later: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void = LogSink.afterwards
    ) {
        var logger = Logger(label: "tallygate") { _ in LineHandler(write: write) }
        logger.logLevel = level.logger
        self.logger = logger
        self.now = now
        self.later = later
    }

    @Sendable package static func monotonic() -> MonotonicInstant { GatewayClock().now() }

    @Sendable package static func afterwards(_ wait: Duration, _ work: @escaping @Sendable () -> Void) {
        let nanoseconds = Int(clamping: wait.wholeNanoseconds)
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .nanoseconds(nanoseconds), execute: work)
    }

    package func callAsFunction(_ event: TallyModel.LogEvent) {
        guard event.level.logger >= logger.logLevel else { return }
        if case .stopped = event { tellLeftOut(.distantFuture) }
        if let kind = event.rateLimited {
            let now = self.now()
            let verdict = limiter.state.withLock { $0.admit(kind, now: now) }
            if verdict.leftOut > 0 { write(.leftOut(kind, lines: verdict.leftOut)) }
            if verdict.isFirstLeftOut { later(Limits.logInterval) { self.tellLeftOut(self.now()) } }
            guard verdict.isWritten else { return }
        }
        write(event)
    }

    private func tellLeftOut(_ now: MonotonicInstant) {
        for (kind, lines) in limiter.state.withLock({ $0.due(now: now) }) { write(.leftOut(kind, lines: lines)) }
    }

    private func write(_ event: TallyModel.LogEvent) {
        let parts = event.parts
        let fields = parts.fields.map { "\($0.name)=\($0.value.quotedIfNeeded)" }.joined(separator: " ")
        logger.log(level: event.level.logger, "\(fields.isEmpty ? parts.message : parts.message + " " + fields)")
    }
}

/// One event a line: time (RFC 3339, UTC, milliseconds), level, message.
private struct LineHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    let write: @Sendable (String) -> Void

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: Logging.LogEvent) {
        let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        write("\(time) \(event.level) \(event.message)\n")
    }
}

/// Standard error, whole lines at a time.
package enum StandardError {
    @Sendable package static func write(_ text: String) {
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
        var clean = String.UnicodeScalarView()
        clean.append(contentsOf: unicodeScalars.filter { $0 != "\"" && $0.properties.generalCategory != .control })
        let text = String(clean)
        return text.contains(" ") || text.isEmpty ? "\"\(text)\"" : text
    }
}
