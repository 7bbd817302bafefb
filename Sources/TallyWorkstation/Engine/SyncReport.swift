import TallyModel

/// The words of a `sync` at its end.
enum SyncReport {
    /// What adoption left out, and where it differs from what was counted.
    static func adopted(_ report: AdoptionReport) -> String {
        var text = "\(report.events) events left out: the gateway has counted them before"
        let (missing, surplus) = (report.missing, report.surplus)
        if missing != .zero {
            text += "; \(missing.tokens) tokens and \(missing.reportedNanoUSD) nano-USD of them were not counted"
        }
        if surplus != .zero {
            text += "; \(surplus.tokens) tokens and \(surplus.reportedNanoUSD) nano-USD more were counted"
        }
        return text
    }

    static func line(_ source: SourceKind, now: SourceTally, then: [SourceTally]) -> String {
        let before = then[Int(source.rawValue)]
        let parts = SkipReason.allCases.compactMap { reason -> String? in
            let count = now[reason] - before[reason]
            return count == 0 ? nil : "\(reason.name) \(count)"
        }
        var text = "\(source.name): \(now.lines - before.lines) \(source == .otlp ? "records" : "lines") read, "
        text += "\(now.usageEvents - before.usageEvents) calls counted"
        let corrections = now.corrections - before.corrections
        if corrections > 0 { text += ", \(corrections) corrections" }
        let other = now.otherEvents - before.otherEvents
        if other > 0 { text += ", \(other) other events" }
        if !parts.isEmpty { text += "; skipped: \(parts.joined(separator: ", "))" }
        return text + "\n"
    }

    static func sent(events: UInt64, batches: UInt64, bytes: UInt64) -> String {
        let each = events == 0 ? "" : " (\(tenths(bytes, events)) bytes an event)"
        return "sent \(events) events in \(batches) batches, \(bytes) bytes on the wire\(each)\n"
    }

    /// A quotient with one decimal, rounded.
    static func tenths(_ value: UInt64, _ by: UInt64) -> String {
        let tenths = (value * 10 + by / 2) / by
        return "\(tenths / 10).\(tenths % 10)"
    }
}
