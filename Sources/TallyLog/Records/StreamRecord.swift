import TallyIO
package import TallyModel

/// Binds a number to a stream and the stream to its workstation: before the stream's first batch and at each
/// change. A stream's number is never reused within a log.
///
///      0  layout (1)     u16       24  workstation             u64
///      2  reason         u8        32  generation              u32
///      3  zero           u8        36  flags (bit 0 closed, bit 1 adopting)  u32
///      4  number         u32       40  at, ms                  i64
///      8  stream id      16 bytes
package struct StreamRecord: Hashable, Sendable {
    package enum Reason: UInt8, CaseIterable, Hashable, Sendable {
        case opened = 1, workstationChanged, generationRaised, closed, adoptionEnded
    }

    package var reason: Reason
    package var number: UInt32
    package var stream: StreamID
    package var workstation: WorkstationID
    package var generation: Generation
    package var isClosed: Bool
    package var isAdopting: Bool
    package var atMs: Int64

    package init(
        _ reason: Reason, number: UInt32, stream: StreamID, workstation: WorkstationID, generation: Generation,
        isClosed: Bool = false, isAdopting: Bool = false, atMs: Int64
    ) {
        self.reason = reason
        self.number = number
        self.stream = stream
        self.workstation = workstation
        self.generation = generation
        self.isClosed = isClosed
        self.isAdopting = isAdopting
        self.atMs = atMs
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(reason.rawValue)
        bytes.appendZeros(1)
        bytes.append(littleEndian: number)
        bytes.append(stream.value)
        bytes.append(littleEndian: workstation.value)
        bytes.append(littleEndian: generation.value)
        bytes.append(littleEndian: UInt32((isClosed ? 1 : 0) | (isAdopting ? 2 : 0)))
        bytes.append(littleEndian: atMs)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        guard let reason = Reason(rawValue: try reader.integer(UInt8.self)) else { throw MalformedBody() }
        self.reason = reason
        try reader.zeros(1)
        number = try reader.integer(UInt32.self)
        stream = StreamID(try reader.bytes16())
        workstation = WorkstationID(try reader.integer(UInt64.self))
        generation = Generation(try reader.integer(UInt32.self))
        let flags = try reader.integer(UInt32.self)
        isClosed = flags & 1 != 0
        isAdopting = flags & 2 != 0
        atMs = try reader.integer(Int64.self)
        guard number > 0, flags <= 3 else { throw MalformedBody() }
        try reader.finish()
    }
}
