/// Identifiers: distinct things have distinct types, so that a stream can never be passed for a session.

/// Sixteen bytes, held as two big-endian words so that comparison follows the byte order.
package struct Bytes16: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first sixteen bytes of `bytes`. Precondition: there are that many.
    @specialized(where Source == [UInt8])
    package init<Source: Sequence<UInt8>>(_ bytes: Source) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0
        for byte in bytes.prefix(16) {
            if count < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
            count += 1
        }
        precondition(count == 16, "sixteen bytes are needed")
        self.init(high: high, low: low)
    }

    /// The bytes in order, most significant first.
    package var bytes: [UInt8] {
        (0..<16).map { index in
            let word = index < 8 ? high : low
            return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index % 8)))
        }
    }

    package var isZero: Bool { high == 0 && low == 0 }

    package static func < (left: Bytes16, right: Bytes16) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

/// One spool's life: 16 random bytes, drawn when the spool is created and never reused.
package struct StreamID: Hashable, Comparable, Sendable {
    package let value: Bytes16
    package init(_ value: Bytes16) { self.value = value }
    package static func < (left: StreamID, right: StreamID) -> Bool { left.value < right.value }
}

/// An agent's session: its UUID, or a keyed hash of any other id (UUID version 8). Never zero.
package struct SessionID: Hashable, Comparable, Sendable {
    package let value: Bytes16
    /// Nil for sixteen zero bytes, which the wire keeps for "absent".
    package init?(_ value: Bytes16) {
        guard !value.isZero else { return nil }
        self.value = value
    }
    package static func < (left: SessionID, right: SessionID) -> Bool { left.value < right.value }
}

/// A repository, as a hash under the tenant's key. Never zero.
package struct ProjectID: Hashable, Comparable, Sendable {
    package let value: Bytes16
    /// Nil for sixteen zero bytes, which the wire keeps for "absent".
    package init?(_ value: Bytes16) {
        guard !value.isZero else { return nil }
        self.value = value
    }
    package static func < (left: ProjectID, right: ProjectID) -> Bool { left.value < right.value }
}

/// A tenant's number within one data folder. Never reused. Its name may be looked up in the catalog.
package struct TenantID: Hashable, Comparable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
    package static func < (left: TenantID, right: TenantID) -> Bool { left.value < right.value }
}

/// An enrolled workstation's number within one data folder. Never reused.
package struct WorkstationID: Hashable, Comparable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
    package static func < (left: WorkstationID, right: WorkstationID) -> Bool { left.value < right.value }
}

/// An event's place in its stream: 1, 2, 3 …, below 2⁵⁶. Zero stands before the first event.
package struct Sequence64: Hashable, Comparable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
    package static let zero = Sequence64(0)
    package static func < (left: Sequence64, right: Sequence64) -> Bool { left.value < right.value }
    package func advanced(by count: UInt64) -> Sequence64 { Sequence64(value + count) }
}

/// The hash over every event of a stream up to some sequence (SPEC.md, "Chain").
package struct ChainValue: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
}

/// Counts the takeovers of a stream: an append from an older generation is refused.
package struct Generation: Hashable, Comparable, Sendable {
    package let value: UInt32
    package init(_ value: UInt32) { self.value = value }
    package static func < (left: Generation, right: Generation) -> Bool { left.value < right.value }
}

/// The life of a tenant's store: 64 random bits, drawn anew at each restore.
package struct StoreEpoch: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
}
