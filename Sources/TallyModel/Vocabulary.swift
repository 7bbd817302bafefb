/// The closed vocabularies of schema 1. A raw value is the number on the wire; 0 is the default, which a
/// column of only defaults leaves out. The names are those of `protocol/schema.json`, NDJSON and reports.

package protocol Vocabulary: CaseIterable, Hashable, Sendable, RawRepresentable where RawValue == UInt8 {
    /// The word in schema.json, NDJSON, JSON output and documents.
    var name: String { get }
}

extension Vocabulary {
    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// What an event says. Decides which columns are required and which are forbidden.
package enum EventKind: UInt8, Vocabulary {
    case usage = 0, correction, sessionStart, state, sessionEnd
    package var name: String {
        switch self {
        case .usage: "usage"
        case .correction: "correction"
        case .sessionStart: "session_start"
        case .state: "state"
        case .sessionEnd: "session_end"
        }
    }
}

package enum Agent: UInt8, Vocabulary {
    case other = 0, claudeCode, codex, geminiCLI, opencode, amp, copilotCLI, qwenCode
    package var name: String {
        switch self {
        case .other: "other"
        case .claudeCode: "claude_code"
        case .codex: "codex"
        case .geminiCLI: "gemini_cli"
        case .opencode: "opencode"
        case .amp: "amp"
        case .copilotCLI: "copilot_cli"
        case .qwenCode: "qwen_code"
        }
    }
}

/// Which part of an agent made the call.
package enum Origin: UInt8, Vocabulary {
    case unknown = 0, main, subagent, auxiliary, compaction
    package var name: String { "\(self)" }
}

package enum Speed: UInt8, Vocabulary {
    case unknown = 0, standard, fast
    package var name: String { "\(self)" }
}

package enum Tier: UInt8, Vocabulary {
    case unknown = 0, standard, priority, flex, batch
    package var name: String { "\(self)" }
}

package enum Region: UInt8, Vocabulary {
    case unknown = 0, global, us, other
    package var name: String { "\(self)" }
}

package enum Outcome: UInt8, Vocabulary {
    case unknown = 0, ok, error, refused, cancelled, rateLimited
    package var name: String { self == .rateLimited ? "rate_limited" : "\(self)" }
}

/// What an agent's session is doing. On a `state` event only; 0 on the wire means "no state".
package enum AgentState: UInt8, Vocabulary {
    case working = 1, waitingUser, waitingPermission, idle, rateLimited, crashed
    package var name: String {
        switch self {
        case .working: "working"
        case .waitingUser: "waiting_user"
        case .waitingPermission: "waiting_permission"
        case .idle: "idle"
        case .rateLimited: "rate_limited"
        case .crashed: "crashed"
        }
    }
}

/// Who pays for the call.
package enum Billing: UInt8, Vocabulary {
    case unknown = 0, api, subscription, credits
    package var name: String { "\(self)" }
}
