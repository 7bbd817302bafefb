import TallyIO
import TallyLog
import TallyModel

/// The part of a spool record that is never sent: how its body divides into batches, and what the reading of
/// sources had come to.
///
///      0  version       u8         8  events dropped as too old, so far  u64
///      1  zero          u8        16  running totals after this record   2 × u128
///      2  batches       u16       48  for each batch: events u32, bytes u32
///      4  zero          u32           then the counter's delta to the end
///
/// The body is the batches' canonical bodies one after the other; nearly always there is one. Version 1 unless the
/// events are those of a dead letter that is sent again: then it is 2, and the letter's id stands between batches and
/// delta (stream number u32, zero u32, first sequence u64).
struct SpoolLocal: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        var count: Int
        var bytes: Int
    }

    private static let versionPlain: UInt8 = 1
    private static let versionResent: UInt8 = 2
    private static let headBytes = 48
    private static let letterBytes = 16

    var tooOld: UInt64
    var totals: RunningTotals
    var parts: [Part] = []
    var delta: [UInt8] = []
    /// The dead letter whose events these are.
    var resent: DeadLetter.ID?

    init(tooOld: UInt64, totals: RunningTotals) {
        self.tooOld = tooOld
        self.totals = totals
    }

    func encode() -> [UInt8] {
        var bytes: [UInt8] = [resent == nil ? SpoolLocal.versionPlain : SpoolLocal.versionResent, 0]
        bytes.append(littleEndian: UInt16(parts.count))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: tooOld)
        bytes.append(littleEndian: totals.tokens)
        bytes.append(littleEndian: totals.reportedNanoUSD)
        for part in parts {
            bytes.append(littleEndian: UInt32(part.count))
            bytes.append(littleEndian: UInt32(part.bytes))
        }
        if let resent {
            bytes.append(littleEndian: resent.number)
            bytes.append(littleEndian: UInt32(0))
            bytes.append(littleEndian: resent.first.value)
        }
        bytes.append(contentsOf: delta)
        return bytes
    }

    /// `ordinal` names the record in the error. `header` and `bodyBytes` must agree with what is told here.
    init(
        decoding bytes: Span<UInt8>, header: RecordHeader, withDelta: Bool = true
    ) throws(WorkstationError) {
        guard bytes.count >= SpoolLocal.headBytes else { throw .spoolDamaged(ordinal: header.ordinal) }
        guard bytes[0] == SpoolLocal.versionPlain || bytes[0] == SpoolLocal.versionResent else {
            throw .stateNewer(bytes[0])
        }
        let hasLetter = bytes[0] == SpoolLocal.versionResent
        let count = Int(bytes.littleEndian(UInt16.self, at: 2))
        tooOld = bytes.littleEndian(UInt64.self, at: 8)
        totals = RunningTotals(
            tokens: bytes.littleEndian(UInt128.self, at: 16), reportedNanoUSD: bytes.littleEndian(UInt128.self, at: 32))
        let letterStart = SpoolLocal.headBytes + 8 * count
        let deltaStart = letterStart + (hasLetter ? SpoolLocal.letterBytes : 0)
        guard bytes.count >= deltaStart else { throw .spoolDamaged(ordinal: header.ordinal) }
        for index in 0..<count {
            let place = SpoolLocal.headBytes + 8 * index
            parts.append(
                Part(
                    count: Int(bytes.littleEndian(UInt32.self, at: place)),
                    bytes: Int(bytes.littleEndian(UInt32.self, at: place + 4))))
        }
        if hasLetter {
            resent = DeadLetter.ID(
                number: bytes.littleEndian(UInt32.self, at: letterStart),
                first: Sequence64(bytes.littleEndian(UInt64.self, at: letterStart + 8)))
        }
        let events = parts.reduce(0) { $0 + $1.count }
        let body = parts.reduce(0) { $0 + $1.bytes }
        guard events == Int(header.draft.count), body == header.bodyBytes, parts.allSatisfy({ $0.count > 0 }) else {
            throw .spoolDamaged(ordinal: header.ordinal)
        }
        if withDelta { delta.append(copying: bytes.extracting(deltaStart..<bytes.count)) }
    }
}
