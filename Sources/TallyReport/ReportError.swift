package import TallyUsage
package import TallyWorkstation

/// Why there is no report: what happened, and what to do. The words are the asking person's own.
package enum ReportError: Error, Hashable, Sendable, CustomStringConvertible {
    case usage(UsageError)
    case workstation(WorkstationError)
    case date(String)
    case datesTurned
    case zoneUnknown(String)
    case zoneDamaged(String)
    case noHome

    package var description: String {
        switch self {
        case .usage(let error): error.description
        case .workstation(let error): error.description
        case .date(let text): "no day '\(text)'; give one as 2026-11-23"
        case .datesTurned: "--from is a later day than --to"
        case .zoneUnknown(let name):
            "no time zone '\(name)' on this machine; give --tz with a name such as Europe/Berlin or UTC (the package "
                + "tzdata has them)"
        case .zoneDamaged(let path): "\(path) is no time zone file; give --tz with a name such as Europe/Berlin or UTC"
        case .noHome:
            "none of HOME, CLAUDE_CONFIG_DIR, CODEX_HOME and GEMINI_CLI_HOME is set, so there is no place to look for "
                + "transcripts"
        }
    }
}
