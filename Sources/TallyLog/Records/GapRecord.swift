import TallyIO
package import TallyModel

/// Events of a stream that will never come, as far as their spool could still say what they held. A gap counts
/// in running totals as its events would have.
///
///      0  layout (1)                 u16       24  chain after, unverified   u64
///      2  reason code                u16       32  totals           2 × u128
///      4  groups, at most 8          u16       64  groups
///      6  zero                       u16
///      8  first sequence             u64
///     16  last sequence              u64
///
/// A group: label length u8 (0 = no model) · label · events u64 · 8 counts u64 · reported nano-USD u128.
package struct GapRecord: Hashable, Sendable {
    /// The SKIP reason as the protocol numbers it.
    package var reason: UInt16
    package var first: Sequence64
    package var last: Sequence64
    /// Adopted from the workstation: nothing checked it.
    package var chainAfter: ChainValue
    package var totals: RunningTotals
    package var groups: [Group]

    package struct Group: Hashable, Sendable {
        package var model: Label?
        package var events: UInt64
        package var counts: TokenCounts
        package var reportedNanoUSD: UInt128

        package init(model: Label?, events: UInt64, counts: TokenCounts, reportedNanoUSD: UInt128) {
            self.model = model
            self.events = events
            self.counts = counts
            self.reportedNanoUSD = reportedNanoUSD
        }
    }

    /// Columns 12 to 19 of the schema, summed, in their order.
    package struct TokenCounts: Hashable, Sendable {
        package var input: UInt64 = 0
        package var cacheRead: UInt64 = 0
        package var cacheWrite5m: UInt64 = 0
        package var cacheWrite1h: UInt64 = 0
        package var cacheWriteUnknown: UInt64 = 0
        package var output: UInt64 = 0
        package var reasoning: UInt64 = 0
        package var webSearches: UInt64 = 0

        package init() {}
    }

    /// How many events the gap stands for. Precondition: `first ≤ last`, which decoding has checked.
    package var events: UInt64 { last.value - first.value + 1 }

    package init(
        reason: UInt16, first: Sequence64, last: Sequence64, chainAfter: ChainValue, totals: RunningTotals,
        groups: [Group]
    ) {
        precondition(first <= last && groups.count <= Limits.skipGroupsMax, "a gap has a range and at most 8 groups")
        self.reason = reason
        self.first = first
        self.last = last
        self.chainAfter = chainAfter
        self.totals = totals
        self.groups = groups
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(littleEndian: reason)
        bytes.append(littleEndian: UInt16(groups.count))
        bytes.appendZeros(2)
        bytes.append(littleEndian: first.value)
        bytes.append(littleEndian: last.value)
        bytes.append(littleEndian: chainAfter.value)
        bytes.append(totals)
        for group in groups { group.encode(into: &bytes) }
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        reason = try reader.integer(UInt16.self)
        let count = Int(try reader.integer(UInt16.self))
        try reader.zeros(2)
        first = Sequence64(try reader.integer(UInt64.self))
        last = Sequence64(try reader.integer(UInt64.self))
        chainAfter = ChainValue(try reader.integer(UInt64.self))
        totals = try reader.totals()
        guard count <= Limits.skipGroupsMax, first.value > 0, first <= last, last.value <= Limits.sequenceMax else {
            throw MalformedBody()
        }
        groups = []
        for _ in 0..<count { groups.append(try Group(&reader)) }
        try reader.finish()
    }
}

extension GapRecord.Group {
    fileprivate func encode(into bytes: inout [UInt8]) {
        let label = model.map { Array($0.text.utf8) } ?? []
        bytes.append(UInt8(label.count))
        bytes.append(contentsOf: label)
        bytes.append(littleEndian: events)
        bytes.append(littleEndian: counts.input)
        bytes.append(littleEndian: counts.cacheRead)
        bytes.append(littleEndian: counts.cacheWrite5m)
        bytes.append(littleEndian: counts.cacheWrite1h)
        bytes.append(littleEndian: counts.cacheWriteUnknown)
        bytes.append(littleEndian: counts.output)
        bytes.append(littleEndian: counts.reasoning)
        bytes.append(littleEndian: counts.webSearches)
        bytes.append(littleEndian: reportedNanoUSD)
    }

    fileprivate init(_ reader: inout BodyReader) throws(MalformedBody) {
        let length = Int(try reader.integer(UInt8.self))
        let label = try reader.take(length)
        model = Label(label)
        guard model != nil || length == 0 else { throw MalformedBody() }
        events = try reader.integer(UInt64.self)
        counts = GapRecord.TokenCounts()
        counts.input = try reader.integer(UInt64.self)
        counts.cacheRead = try reader.integer(UInt64.self)
        counts.cacheWrite5m = try reader.integer(UInt64.self)
        counts.cacheWrite1h = try reader.integer(UInt64.self)
        counts.cacheWriteUnknown = try reader.integer(UInt64.self)
        counts.output = try reader.integer(UInt64.self)
        counts.reasoning = try reader.integer(UInt64.self)
        counts.webSearches = try reader.integer(UInt64.self)
        reportedNanoUSD = try reader.integer(UInt128.self)
    }
}
