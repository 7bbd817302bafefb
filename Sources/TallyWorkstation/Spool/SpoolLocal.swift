import TallyIO
import TallyLog
import TallyModel

/// The part of a spool record that is never sent: how its body divides into batches, and what the reading of
/// sources had come to.
///
///      0  version (1)   u8         8  events dropped as too old, so far  u64
///      1  zero          u8        16  running totals after this record   2 × u128
///      2  batches       u16       48  for each batch: events u32, bytes u32
///      4  zero          u32           then the counter's delta to the end
///
/// The body is the batches' canonical bodies one after the other; nearly always there is one.
struct SpoolLocal: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        var count: Int
        var bytes: Int
    }

    static let version: UInt8 = 1
    private static let headBytes = 48

    var tooOld: UInt64
    var totals: RunningTotals
    var parts: [Part] = []
    var delta: [UInt8] = []

    init(tooOld: UInt64, totals: RunningTotals) {
        self.tooOld = tooOld
        self.totals = totals
    }

    func encode() -> [UInt8] {
        var bytes: [UInt8] = [SpoolLocal.version, 0]
        bytes.append(littleEndian: UInt16(parts.count))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: tooOld)
        bytes.append(littleEndian: totals.tokens)
        bytes.append(littleEndian: totals.reportedNanoUSD)
        for part in parts {
            bytes.append(littleEndian: UInt32(part.count))
            bytes.append(littleEndian: UInt32(part.bytes))
        }
        bytes.append(contentsOf: delta)
        return bytes
    }

    /// `ordinal` names the record in the error. `header` and `bodyBytes` must agree with what is told here.
    init(
        decoding bytes: Span<UInt8>, header: RecordHeader, withDelta: Bool = true
    ) throws(WorkstationError) {
        guard bytes.count >= SpoolLocal.headBytes else { throw .spoolDamaged(ordinal: header.ordinal) }
        guard bytes[0] == SpoolLocal.version else { throw .stateNewer(bytes[0]) }
        let count = Int(bytes.littleEndian(UInt16.self, at: 2))
        tooOld = bytes.littleEndian(UInt64.self, at: 8)
        totals = RunningTotals(
            tokens: bytes.littleEndian(UInt128.self, at: 16), reportedNanoUSD: bytes.littleEndian(UInt128.self, at: 32))
        let deltaStart = SpoolLocal.headBytes + 8 * count
        guard bytes.count >= deltaStart else { throw .spoolDamaged(ordinal: header.ordinal) }
        for index in 0..<count {
            let place = SpoolLocal.headBytes + 8 * index
            parts.append(
                Part(
                    count: Int(bytes.littleEndian(UInt32.self, at: place)),
                    bytes: Int(bytes.littleEndian(UInt32.self, at: place + 4))))
        }
        let events = parts.reduce(0) { $0 + $1.count }
        let body = parts.reduce(0) { $0 + $1.bytes }
        guard events == Int(header.draft.count), body == header.bodyBytes, parts.allSatisfy({ $0.count > 0 }) else {
            throw .spoolDamaged(ordinal: header.ordinal)
        }
        if withDelta { delta.append(copying: bytes.extracting(deltaStart..<bytes.count)) }
    }
}
