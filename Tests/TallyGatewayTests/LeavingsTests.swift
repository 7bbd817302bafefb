import TallyGateway
import TallyModel
import TallyProtocol
import TallyWire
import Testing

/// What is left in a shard's scratch space of a batch that was refused: nothing of its bytes.
@Suite("Leavings of what was refused")
struct LeavingsTests {
    /// Sixteen bytes that stand nowhere else.
    private static let text = Array("Quiet-Plum-73421".utf8)

    /// The bytes of every array of numbers below `value`, whatever is private.
    private static func bytes(below value: Any, depth: Int = 0) -> [[UInt8]] {
        if let numbers = value as? any Collection, let bytes = flattened(numbers) { return [bytes] }
        guard depth < 6 else { return [] }
        return Mirror(reflecting: value).children.flatMap { bytes(below: $0.value, depth: depth + 1) }
    }

    private static func flattened(_ numbers: any Collection) -> [UInt8]? {
        switch numbers {
        case let bytes as [UInt8]: bytes
        case let words as [UInt16]: words.flatMap(raw)
        case let words as [UInt32]: words.flatMap(raw)
        case let words as [UInt64]: words.flatMap(raw)
        case let ids as [Bytes16]: ids.flatMap(\.bytes)
        default: nil
        }
    }

    private static func raw(_ word: some FixedWidthInteger) -> [UInt8] {
        (0..<word.bitWidth / 8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }

    /// Whether eight bytes of the text in a row, or each of them in a word of four, stand anywhere in the scratch.
    private static func holds(_ scratch: IngestScratch) -> Bool {
        let pieces = (0...text.count - 8).map { Array(text[$0..<$0 + 8]) }
        let wide = pieces.map { piece in piece.flatMap { byte -> [UInt8] in [byte, 0, 0, 0] } }
        return bytes(below: scratch).contains { bytes in
            (pieces + wide).contains { piece in
                bytes.indices.contains { bytes[$0] == piece[0] && bytes[$0...].starts(with: piece) }
            }
        }
    }

    /// A BATCH of a canonical body of sixteen rows with `more` behind it.
    private static func frame(_ more: [UInt8], session: Bytes16, isLZ4: Bool = false) throws -> [UInt8] {
        var spool = MachineKit.spool()
        var events = try plainEvents(text.count, at: MachineKit.startMs - 3_600_000)
        for index in events.indices { events[index].session = try #require(SessionID(session)) }
        let raw = try spool.raw(events) + more
        let block = isLZ4 ? [UInt8(0xF0), UInt8(raw.count - 15)] + raw : raw
        let header = BatchHeader(
            first: Sequence64(1), count: UInt32(text.count), rawBytes: UInt32(raw.count),
            controlTokens: 1_100 * UInt64(text.count), reportedNanoUSD: 0, chainAfter: ChainValue(1), isLZ4: isLZ4)
        return FrameCodec.encode(.batch(BatchFrame(header: header, body: block)))
    }

    enum Way: CaseIterable { case contentColumn, compressed, identifiers, numbers }

    private static func refused(_ way: Way) throws -> ([UInt8], RejectReason) {
        let plain = Bytes16(high: 1, low: 2)
        // A column of content: the id behind the head of a constant, a length, a text.
        let column = [UInt8(0), 133, UInt8(text.count)] + text
        switch way {
        case .contentColumn: return (try frame(column, session: plain), .contentField)
        case .compressed: return (try frame(column, session: plain, isLZ4: true), .contentField)
        case .identifiers: return (try frame([], session: Bytes16(text)), .chainMismatch)
        // Column 19 in varints of a byte each, which are read as such before the next column is refused.
        case .numbers: return (try frame([UInt8(1 << 5 | 19)] + text + column, session: plain), .contentField)
        }
    }

    @Test("A refused batch leaves none of its bytes in the scratch space", arguments: Way.allCases)
    func nothingStays(_ way: Way) throws {
        var kit = try MachineKit()
        try kit.open(MachineKit.spool())
        let (bytes, reason) = try Self.refused(way)
        #expect(kit.feed(bytes).rejects.map(\.reason) == [reason])
        #expect(!Self.holds(kit.scratch))
    }

    @Test("The same search finds a batch that was accepted: its body waits for the ledger")
    func acceptedIsThere() throws {
        var kit = try MachineKit()
        var spool = MachineKit.spool()
        try kit.open(spool)
        var events = try plainEvents(2, at: MachineKit.startMs - 3_600_000)
        for index in events.indices { events[index].session = try #require(SessionID(Bytes16(Self.text))) }
        #expect(kit.feed(.batch(try spool.batch(events))).appends.count == 1)
        #expect(Self.holds(kit.scratch))
    }

    @Test("A batch after a refused one is read as if nothing had been")
    func goesOn() throws {
        var kit = try MachineKit()
        var spool = MachineKit.spool()
        try kit.open(spool)
        for way in Way.allCases { #expect(kit.feed(try Self.refused(way).0).rejects.count == 1) }
        let events = try plainEvents(40, at: MachineKit.startMs - 3_600_000)
        for start in stride(from: 0, to: 40, by: 10) {
            #expect(kit.feed(.batch(try spool.batch(Array(events[start..<start + 10])))).appends.count == 1)
            #expect(kit.feed(try Self.refused(.identifiers).0).rejects.count <= 1)
        }
    }
}
