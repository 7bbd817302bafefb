import TallyIO
package import TallyModel

/// Reads a log's records in order, from its oldest or from behind a position, while the owner may be appending:
/// on another thread or in another process.
///
/// Without a bound it stops cleanly at the last whole record and can be asked again later. With a bound
/// (`through`) every record up to it must be there: one that does not check is damage. So is one inside a segment
/// that has a successor.
package struct LogReader: Sendable {
    /// The record that `next` returned last; before the first, where the reader began.
    package private(set) var position: LedgerPosition

    /// Where a reader came to, for a later one that goes on: a position, and the byte at which its record begins. A hint:
    /// where the record does not stand there any more the position is looked for from the segment's start.
    package struct Place: Hashable, Sendable {
        package let position: LedgerPosition
        let offset: Int
        let isSeal: Bool
    }

    /// Where this reader is; nil before its first record.
    package private(set) var place: Place?

    private let disk: any LogDisk
    private let through: UInt64?
    private var scanner: SegmentScanner
    private var isSealed = false

    /// Nil `from` (or ordinal 0) begins at the oldest record that the log still holds. `place` spares the walk to `from`
    /// if that is where it is.
    package init(
        on disk: any LogDisk, from: LedgerPosition? = nil, through: UInt64? = nil, place: Place? = nil
    ) throws(LogError) {
        self.disk = disk
        self.through = through
        let numbers = try LogRecoverer.segmentNumbers(on: disk)
        guard let oldest = numbers.first else { throw .absent }
        if let from, from.ordinal > 0 {
            // A trimmed segment's end is still known as the beginning of the one behind it.
            let found = numbers.first { $0 == from.segment || $0 - 1 == from.segment }
            guard let found else { throw .positionUnknown(from) }
            scanner = try LogReader.scanner(disk, found)
            position = from
            if let place, place.position == from, found == from.segment, try scanner.jump(to: place) {
                self.place = place
                isSealed = place.isSeal
            } else {
                try seek(from)
            }
        } else {
            scanner = try LogReader.scanner(disk, oldest)
            let header = scanner.header
            position = LedgerPosition(
                lineage: header.lineage, segment: header.segment, ordinal: header.firstOrdinal - 1,
                checksum: header.previousChecksum)
            if let from, from.lineage != header.lineage { throw .positionUnknown(from) }
        }
    }

    /// Begins at the first record of one segment, which is a checkpoint in a ledger.
    package init(on disk: any LogDisk, segment: UInt32, through: UInt64? = nil) throws(LogError) {
        self.disk = disk
        self.through = through
        scanner = try LogReader.scanner(disk, segment)
        let header = scanner.header
        position = LedgerPosition(
            lineage: header.lineage, segment: header.segment, ordinal: header.firstOrdinal - 1,
            checksum: header.previousChecksum)
    }

    /// The next record's header, or nil at the end or behind `through`. Its content is seen with `withContent`.
    package mutating func next() throws(LogError) -> RecordHeader? {
        if let through, position.ordinal >= through { return nil }
        // At most: the rest of this segment was not there yet, then the next segment's first record.
        for _ in 0..<3 {
            if !isSealed, let record = try scanner.next() { return pass(record) }
            let successor = scanner.header.segment + 1
            guard try LogRecoverer.segmentNumbers(on: disk).contains(successor) else {
                guard let through, position.ordinal < through else { return nil }
                throw .damaged(damage(.record))
            }
            // The seal was written before the successor got its name: what is missing now is damage.
            if !isSealed {
                guard let record = try scanner.next() else { throw .damaged(damage(.record)) }
                return pass(record)
            }
            let next = try LogReader.scanner(disk, successor)
            guard next.header.lineage == position.lineage, next.header.firstOrdinal == scanner.ordinal,
                next.header.previousChecksum == position.checksum || scanner.header.isHusked
            else { throw .damaged(LogDamage(.segmentLink, segment: successor)) }
            scanner = next
            isSealed = false
        }
        return nil
    }

    /// Runs `body` with the content of the record that `next` returned last. Nil if it returned none.
    package func withContent<Result, Failure: Error>(
        _ body: (_ body: Span<UInt8>, _ local: Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        try scanner.withContent(body)
    }

    /// The same for a body that changes `state`, which no closure could hold while this reader is being read.
    package func withContent<State>(
        of state: inout State, _ body: (_ body: Span<UInt8>, _ local: Span<UInt8>, _ state: inout State) -> Void
    ) {
        scanner.withContent(of: &state, body)
    }

    /// Copies of that record's body and local section.
    package func content() -> (body: [UInt8], local: [UInt8]) {
        scanner.withContent { body, local in
            var bytes: [UInt8] = []
            bytes.append(copying: body)
            var localBytes: [UInt8] = []
            localBytes.append(copying: local)
            return (bytes, localBytes)
        } ?? ([], [])
    }

    private mutating func pass(_ record: RecordHeader) -> RecordHeader {
        position = record.position(in: scanner.header.lineage)
        place = Place(
            position: position, offset: scanner.offset - record.recordBytes, isSeal: record.kind == .seal)
        isSealed = record.kind == .seal
        return record
    }

    /// Walks headers alone up to `target`, which must be there with its checksum.
    private mutating func seek(_ target: LedgerPosition) throws(LogError) {
        let header = scanner.header
        guard header.lineage == target.lineage else { throw .positionUnknown(target) }
        // The place between two segments, as the head of the later one names it.
        if target.ordinal == header.firstOrdinal - 1, target.checksum == header.previousChecksum { return }
        guard target.ordinal >= header.firstOrdinal else { throw .positionUnknown(target) }
        while scanner.ordinal <= target.ordinal {
            guard let record = try scanner.next(checkingContent: false) else { throw .positionUnknown(target) }
            isSealed = record.kind == .seal
        }
        guard scanner.previousChecksum == target.checksum else { throw .positionUnknown(target) }
    }

    private static func scanner(_ disk: any LogDisk, _ segment: UInt32) throws(LogError) -> SegmentScanner {
        try SegmentScanner(disk, segment: segment)
    }

    private func damage(_ cause: LogDamage.Cause) -> LogDamage {
        LogDamage(cause, segment: scanner.header.segment, offset: scanner.offset, ordinal: scanner.ordinal)
    }
}
