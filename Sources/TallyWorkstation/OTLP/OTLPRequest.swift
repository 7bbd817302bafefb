/// What an exporter sends to the receiver, and what it is told.
package enum OTLPSignal: Int, CaseIterable, Hashable, Sendable {
    case logs = 0, traces, metrics

    package var path: String {
        switch self {
        case .logs: "/v1/logs"
        case .traces: "/v1/traces"
        case .metrics: "/v1/metrics"
        }
    }
}

package enum OTLPEncoding: Hashable, Sendable { case json, protobuf }

/// One export, whole: its body as it was sent.
package struct OTLPRequest: Hashable, Sendable {
    package var signal: OTLPSignal
    package var encoding: OTLPEncoding
    package var isGzip: Bool
    package var body: [UInt8]

    package init(_ signal: OTLPSignal, _ encoding: OTLPEncoding, isGzip: Bool = false, body: [UInt8]) {
        self.signal = signal
        self.encoding = encoding
        self.isGzip = isGzip
        self.body = body
    }
}

/// Why an export was not taken. The sender may try those again of which `isPassing` says so.
package enum OTLPRefusal: Error, Hashable, Sendable {
    /// The body is not what its content type says, or not packed as it says.
    case malformed
    /// It unpacks to too much, or holds too many calls.
    case tooLarge
    /// More exports wait than may.
    case busy
    /// The spool has no room.
    case full
    /// There is no gateway yet, or the engine is ending.
    case unavailable

    package var isPassing: Bool { self != .malformed && self != .tooLarge }
}

/// How an export ended. `taken` is said when everything in it is durable in the spool.
package enum OTLPOutcome: Hashable, Sendable {
    /// `rejected` records are calls whose numbers or time cannot be counted.
    case taken(rejected: UInt64)
    case refused(OTLPRefusal)
}
