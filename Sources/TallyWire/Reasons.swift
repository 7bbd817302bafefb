/// Why a batch, a connection or a run of events was turned away. `protocol/SPEC.md` section 7 has the codes.

package enum RejectReason: UInt16, CaseIterable, Hashable, Sendable {
    case sequenceGap = 1, sequenceOverlap, size, decompress, malformed, nonCanonical, unknownField, contentField
    case fieldRange, fieldRequired, fieldForbidden, labelLimit, tooOld, clockUnsure, controlTotal, chainMismatch
    case overflow, busy, sessionLimit, storage

    /// The same bytes will be refused for ever.
    package var isPermanent: Bool {
        switch self {
        case .sequenceGap, .sequenceOverlap, .clockUnsure, .busy, .sessionLimit, .storage: false
        case .size, .decompress, .malformed, .nonCanonical, .unknownField, .contentField, .fieldRange, .fieldRequired,
            .fieldForbidden, .labelLimit, .tooOld, .controlTotal, .chainMismatch, .overflow:
            true
        }
    }
}

package enum GoAwayReason: UInt16, CaseIterable, Hashable, Sendable {
    case `protocol` = 1, version, schema, unauthenticated, revoked, superseded, shutdown, idle, tenantUnavailable
    case streamFork, overloaded, storage, streamOwned, timeout, credit
}

package enum SkipReason: UInt16, CaseIterable, Hashable, Sendable {
    /// Refused for ever; kept as a dead letter on the workstation.
    case poison = 1
    /// No longer held by the workstation.
    case trimmed
    /// Would overflow a running total.
    case overflow
}
