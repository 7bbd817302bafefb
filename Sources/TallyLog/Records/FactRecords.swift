import TallyIO
package import TallyModel

/// The small facts of a log: an epoch, a price book, a purge, a husk.

/// The store's life changed: it was created or restored.
///
///      0  layout (1)  u16        8  epoch           u64       24  at, ms                   i64
///      2  reason      u16       16  epoch before    u64       32  restored through ordinal u64
///      4  zero        u32
package struct EpochRecord: Hashable, Sendable {
    package enum Reason: UInt16, CaseIterable, Hashable, Sendable { case created = 1, restored }

    package var reason: Reason
    package var epoch: StoreEpoch
    package var before: StoreEpoch
    package var atMs: Int64
    package var restoredThrough: UInt64

    package init(_ reason: Reason, epoch: StoreEpoch, before: StoreEpoch, atMs: Int64, restoredThrough: UInt64 = 0) {
        self.reason = reason
        self.epoch = epoch
        self.before = before
        self.atMs = atMs
        self.restoredThrough = restoredThrough
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(littleEndian: reason.rawValue)
        bytes.appendZeros(4)
        bytes.append(littleEndian: epoch.value)
        bytes.append(littleEndian: before.value)
        bytes.append(littleEndian: atMs)
        bytes.append(littleEndian: restoredThrough)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        guard let reason = Reason(rawValue: try reader.integer(UInt16.self)) else { throw MalformedBody() }
        self.reason = reason
        try reader.zeros(4)
        epoch = StoreEpoch(try reader.integer(UInt64.self))
        before = StoreEpoch(try reader.integer(UInt64.self))
        atMs = try reader.integer(Int64.self)
        restoredThrough = try reader.integer(UInt64.self)
        try reader.finish()
    }
}

/// A price book that later records name by the first 8 bytes of its hash, with its text, so that replay needs
/// nothing from elsewhere.
///
///      0  layout (1)  u16       8  effective from, ms  i64      48  length, at most 512 KiB  u32
///      2  zero     6 bytes     16  content hash   32 bytes      52  text
package struct PriceBookRecord: Hashable, Sendable {
    package static let textBytesMax = 512 << 10

    package var effectiveFromMs: Int64
    /// SHA-256 of the text.
    package var contentHash: [UInt8]
    /// Empty if the book is one that ships with the program.
    package var text: [UInt8]

    package init(effectiveFromMs: Int64, contentHash: [UInt8], text: [UInt8]) {
        precondition(contentHash.count == 32 && text.count <= PriceBookRecord.textBytesMax, "a book's hash and text")
        self.effectiveFromMs = effectiveFromMs
        self.contentHash = contentHash
        self.text = text
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.appendZeros(6)
        bytes.append(littleEndian: effectiveFromMs)
        bytes.append(contentsOf: contentHash)
        bytes.append(littleEndian: UInt32(text.count))
        bytes.append(contentsOf: text)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        try reader.zeros(6)
        effectiveFromMs = try reader.integer(Int64.self)
        contentHash = Array(try reader.take(32))
        let length = Int(try reader.integer(UInt32.self))
        guard length <= PriceBookRecord.textBytesMax else { throw MalformedBody() }
        text = Array(try reader.take(length))
        try reader.finish()
    }
}

/// Something was removed on purpose: what, why, and how far it reaches back in this log.
///
///      0  layout (1)  u16       8  before, ms  i64       40  at, ms           i64
///      2  scope       u16      16  subject     16 bytes  48  through ordinal  u64
///      4  zero        u32      32  asked by    u64       56  events removed   u64
package struct PurgeRecord: Hashable, Sendable {
    package enum Scope: UInt16, CaseIterable, Hashable, Sendable {
        case retention = 1, project, session, workstation, stream
    }

    package var scope: Scope
    /// Events with an effective time below it.
    package var beforeMs: Int64
    /// The project, session or stream, or a workstation's number in the low word.
    package var subject: Bytes16
    /// The account that asked; 0 = the program itself.
    package var askedBy: UInt64
    package var atMs: Int64
    package var throughOrdinal: UInt64
    package var events: UInt64

    package init(
        _ scope: Scope, beforeMs: Int64, subject: Bytes16, askedBy: UInt64, atMs: Int64, throughOrdinal: UInt64,
        events: UInt64
    ) {
        self.scope = scope
        self.beforeMs = beforeMs
        self.subject = subject
        self.askedBy = askedBy
        self.atMs = atMs
        self.throughOrdinal = throughOrdinal
        self.events = events
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(littleEndian: scope.rawValue)
        bytes.appendZeros(4)
        bytes.append(littleEndian: beforeMs)
        bytes.append(subject)
        bytes.append(littleEndian: askedBy)
        bytes.append(littleEndian: atMs)
        bytes.append(littleEndian: throughOrdinal)
        bytes.append(littleEndian: events)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        guard let scope = Scope(rawValue: try reader.integer(UInt16.self)) else { throw MalformedBody() }
        self.scope = scope
        try reader.zeros(4)
        beforeMs = try reader.integer(Int64.self)
        subject = try reader.bytes16()
        askedBy = try reader.integer(UInt64.self)
        atMs = try reader.integer(Int64.self)
        throughOrdinal = try reader.integer(UInt64.self)
        events = try reader.integer(UInt64.self)
        try reader.finish()
    }
}

/// A batch or gap whose rows have gone: range and chain stand in the record's header, the sums here.
///
///      0  layout (1)  u16      4  zero    u32      16  totals  2 × u128
///      2  was, a kind u8       8  events  u64
///      3  zero        u8
package struct HuskRecord: Hashable, Sendable {
    package var was: RecordKind
    package var events: UInt64
    package var totals: RunningTotals

    package init(was: RecordKind, events: UInt64, totals: RunningTotals) {
        self.was = was
        self.events = events
        self.totals = totals
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(was.rawValue)
        bytes.appendZeros(5)
        bytes.append(littleEndian: events)
        bytes.append(totals)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        guard let was = RecordKind(rawValue: try reader.integer(UInt8.self)) else { throw MalformedBody() }
        self.was = was
        try reader.zeros(5)
        events = try reader.integer(UInt64.self)
        totals = try reader.totals()
        try reader.finish()
    }
}
