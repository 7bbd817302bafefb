import TallyIO
import TallyLog
package import TallyModel

/// What a spool has gone through, besides what its records say one by one: in the local section of `acknowledged`
/// records, once any of it is not zero.
///
///      0  layout (2)  u16                     24  trimmed events   u64       48  refused  2 × u128
///      2  zero        6 bytes                 32  times full       u64       80  trimmed  2 × u128
///      8  events of letters sent again   u64  40  full, ms         u64
///     16  events of letters dropped      u64    112  earlier streams not taken again, their events  2 × u64
///
/// Layout 1 ends at 112.
package struct SpoolCounts: Hashable, Sendable {
    /// Events of dead letters that were appended once more.
    package internal(set) var resentEvents: UInt64 = 0
    /// Events of dead letters that are kept no longer.
    package internal(set) var droppedEvents: UInt64 = 0
    /// Events that the gateway lost, or never had, and that were not held any more either: SKIP TRIMMED.
    package internal(set) var trimmedEvents: UInt64 = 0
    /// How often, and for how many milliseconds, reading stopped because the spool was full.
    package internal(set) var fullTimes: UInt64 = 0
    package internal(set) var fullMs: UInt64 = 0
    package internal(set) var refused = RunningTotals.zero
    package internal(set) var trimmed = RunningTotals.zero
    /// Earlier streams that a restored gateway does not take from this workstation, and how many events were held of
    /// them: the gateway may lack some.
    package internal(set) var refusedStreams: UInt64 = 0
    package internal(set) var refusedStreamEvents: UInt64 = 0

    private static let bytes = 128
    private static let bytesOfLayout1 = 112

    init() {}

    /// Nothing where there is nothing to tell.
    func encode() -> [UInt8] {
        guard self != SpoolCounts() else { return [] }
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt16(2))
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt32(0))
        for value in [resentEvents, droppedEvents, trimmedEvents, fullTimes, fullMs] {
            bytes.append(littleEndian: value)
        }
        for totals in [refused, trimmed] {
            bytes.append(littleEndian: totals.tokens)
            bytes.append(littleEndian: totals.reportedNanoUSD)
        }
        bytes.append(littleEndian: refusedStreams)
        bytes.append(littleEndian: refusedStreamEvents)
        return bytes
    }

    init(decoding bytes: Span<UInt8>, ordinal: UInt64) throws(WorkstationError) {
        guard bytes.count >= 2 else { throw .spoolDamaged(ordinal: ordinal) }
        let layout = bytes.littleEndian(UInt16.self, at: 0)
        guard layout <= 2 else { throw .stateNewer(UInt8(clamping: layout)) }
        let length = layout == 2 ? SpoolCounts.bytes : SpoolCounts.bytesOfLayout1
        guard bytes.count == length else { throw .spoolDamaged(ordinal: ordinal) }
        resentEvents = bytes.littleEndian(UInt64.self, at: 8)
        droppedEvents = bytes.littleEndian(UInt64.self, at: 16)
        trimmedEvents = bytes.littleEndian(UInt64.self, at: 24)
        fullTimes = bytes.littleEndian(UInt64.self, at: 32)
        fullMs = bytes.littleEndian(UInt64.self, at: 40)
        refused = RunningTotals(
            tokens: bytes.littleEndian(UInt128.self, at: 48), reportedNanoUSD: bytes.littleEndian(UInt128.self, at: 64))
        trimmed = RunningTotals(
            tokens: bytes.littleEndian(UInt128.self, at: 80), reportedNanoUSD: bytes.littleEndian(UInt128.self, at: 96))
        guard layout == 2 else { return }
        refusedStreams = bytes.littleEndian(UInt64.self, at: 112)
        refusedStreamEvents = bytes.littleEndian(UInt64.self, at: 120)
    }
}
