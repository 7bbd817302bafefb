import TallyModel
import TallyWire

extension RejectReason {
    /// As the protocol calls it, in small letters.
    var word: String {
        switch self {
        case .sequenceGap: "sequence_gap"
        case .sequenceOverlap: "sequence_overlap"
        case .size: "size"
        case .decompress: "decompress"
        case .malformed: "malformed"
        case .nonCanonical: "non_canonical"
        case .unknownField: "unknown_field"
        case .contentField: "content_field"
        case .fieldRange: "field_range"
        case .fieldRequired: "field_required"
        case .fieldForbidden: "field_forbidden"
        case .labelLimit: "label_limit"
        case .tooOld: "too_old"
        case .clockUnsure: "clock_unsure"
        case .controlTotal: "control_total"
        case .chainMismatch: "chain_mismatch"
        case .overflow: "overflow"
        case .busy: "busy"
        case .sessionLimit: "session_limit"
        case .storage: "storage"
        }
    }
}

extension TimeText {
    /// `2026-04-10T10:00:01Z`.
    static func utc(_ milliseconds: Int64) -> String {
        let seconds = Int(min(max(milliseconds, 0), Limits.timeMsMax) / 1_000)
        let (days, rest) = (seconds / 86_400, seconds % 86_400)
        // From 1 March of the year 0, so that the leap day ends a year: 400 years have 146,097 days.
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let months = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * months + 2) / 5 + 1
        let month = months < 10 ? months + 3 : months - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
