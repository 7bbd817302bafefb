import TallyHash
import TallyIO
import TallyModel

/// Walks the records of one segment file in order, through one bounded buffer, and checks each: place, ordinal,
/// link to the record before, both checksums. What does not check is never shown.
struct SegmentScanner: Sendable {
    let file: any LogFile
    let header: SegmentHeader
    /// Where the next record should begin, its ordinal, and the checksum it should link to.
    private(set) var offset: Int
    private(set) var ordinal: UInt64
    private(set) var previousChecksum: UInt64

    private var buffer: [UInt8] = []
    /// The file offset of `buffer`'s first byte.
    private var bufferOffset = 0
    /// The record last returned, within the buffer.
    private var current = 0
    private var currentHeader: RecordHeader?

    static let chunkBytes = 256 << 10

    /// Opens `segment` and checks its header.
    init(_ disk: any LogDisk, segment: UInt32) throws(LogError) {
        let file: any LogFile
        do throws(SystemError) { file = try disk.openFile(SegmentName.of(segment), .read) } catch {
            throw .system(error)
        }
        try self.init(file, segment: segment)
    }

    init(_ file: any LogFile, segment: UInt32) throws(LogError) {
        self.file = file
        header = try SegmentScanner.readHeader(file, segment: segment)
        offset = SegmentHeader.byteCount
        ordinal = header.firstOrdinal
        previousChecksum = header.previousChecksum
    }

    static func readHeader(_ file: any LogFile, segment: UInt32) throws(LogError) -> SegmentHeader {
        var bytes: [UInt8] = []
        do throws(SystemError) {
            try file.read(at: 0, count: SegmentHeader.byteCount, into: &bytes)
        } catch {
            throw .system(error)
        }
        guard bytes.count == SegmentHeader.byteCount else {
            throw .damaged(LogDamage(.segmentHeader, segment: segment))
        }
        do throws(SegmentHeader.Failure) {
            let header = try SegmentHeader(decoding: bytes.span)
            guard header.segment == segment else { throw .malformed }
            return header
        } catch {
            switch error {
            case .newer(let version): throw .newerVersion(version)
            case .older(let version): throw .olderVersion(version)
            case .malformed: throw .damaged(LogDamage(.segmentHeader, segment: segment))
            }
        }
    }

    /// The next record, or nil where none stands that checks: the end, a torn record, or damage; the caller
    /// knows which. After nil the scanner stays where it is, and the next call reads the file anew.
    ///
    /// Without `checkingContent` the body may lie beyond the file's end and cannot be seen.
    mutating func next(checkingContent: Bool = true) throws(LogError) -> RecordHeader? {
        currentHeader = nil
        guard try fill(RecordHeader.byteCount) else { return nil }
        let start = offset - bufferOffset
        guard
            let found = RecordHeader(
                decoding: buffer.span.extracting(start..<start + RecordHeader.byteCount), segment: header.segment,
                offset: offset, salt: header.salt),
            found.ordinal == ordinal, found.previousChecksum == previousChecksum
        else {
            forget()
            return nil
        }
        if checkingContent {
            guard try fill(found.recordBytes), contentChecks(found) else {
                forget()
                return nil
            }
            current = offset - bufferOffset
            currentHeader = found
        }
        offset += found.recordBytes
        ordinal += 1
        previousChecksum = found.checksum
        return found
    }

    /// Stands behind the record at `place`, if it is there as `place` has it; otherwise nothing changes, and false.
    mutating func jump(to place: LogReader.Place) throws(LogError) -> Bool {
        guard place.offset >= SegmentHeader.byteCount else { return false }
        var bytes: [UInt8] = []
        do throws(SystemError) {
            try file.read(at: place.offset, count: RecordHeader.byteCount, into: &bytes)
        } catch {
            throw .system(error)
        }
        guard bytes.count == RecordHeader.byteCount,
            let found = RecordHeader(
                decoding: bytes.span, segment: header.segment, offset: place.offset, salt: header.salt),
            found.position(in: header.lineage) == place.position
        else { return false }
        forget()
        offset = place.offset + found.recordBytes
        bufferOffset = offset
        ordinal = found.ordinal + 1
        previousChecksum = found.checksum
        return true
    }

    /// Runs `body` with the content of the record that `next` returned last: its body and its local section.
    func withContent<Result, Failure: Error>(
        _ body: (_ body: Span<UInt8>, _ local: Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let found = currentHeader else { return nil }
        let start = current + RecordHeader.byteCount
        let middle = start + found.bodyBytes
        let bytes = buffer.span
        return try body(bytes.extracting(start..<middle), bytes.extracting(middle..<middle + found.localBytes))
    }

    /// The same for a body that changes `state`.
    func withContent<State>(
        of state: inout State, _ body: (_ body: Span<UInt8>, _ local: Span<UInt8>, _ state: inout State) -> Void
    ) {
        guard let found = currentHeader else { return }
        let start = current + RecordHeader.byteCount
        let middle = start + found.bodyBytes
        let bytes = buffer.span
        body(bytes.extracting(start..<middle), bytes.extracting(middle..<middle + found.localBytes), &state)
    }

    /// Appends the whole record that `next` returned last, as it stands in the file.
    func copyRecord(to target: inout [UInt8]) {
        guard let found = currentHeader else { return }
        target.append(copying: buffer.span.extracting(current..<current + found.recordBytes))
    }

    private func contentChecks(_ found: RecordHeader) -> Bool {
        let start = offset - bufferOffset + RecordHeader.byteCount
        let end = start + found.bodyBytes + found.localBytes
        let bytes = buffer.span
        return XXH3.hash64(bytes.extracting(start..<end), seed: header.salt)
            == bytes.littleEndian(UInt64.self, at: end)
    }

    /// Sees to it that `count` bytes from `offset` stand in the buffer; false if the file ends before.
    private mutating func fill(_ count: Int) throws(LogError) -> Bool {
        let start = offset - bufferOffset
        if start >= 0, buffer.count - start >= count { return true }
        if start < 0 || start >= buffer.count {
            buffer.removeAll(keepingCapacity: true)
        } else {
            buffer.removeFirst(start)
        }
        bufferOffset = offset
        do throws(SystemError) {
            let wanted = max(SegmentScanner.chunkBytes, count) - buffer.count
            try file.read(at: bufferOffset + buffer.count, count: wanted, into: &buffer)
        } catch {
            throw .system(error)
        }
        return buffer.count >= count
    }

    /// Drops what was read: the file may be growing behind it.
    private mutating func forget() {
        buffer.removeAll(keepingCapacity: true)
        bufferOffset = offset
    }
}

/// What stands behind the last record that checks: nothing, or something that may prove what was durable.
struct TailFindings: Hashable, Sendable {
    /// Some byte is not zero: a record was begun there, or more of them.
    var isDirty = false
    /// The highest claim of a later record whose header checks.
    var durableThrough: UInt64 = 0
    /// How many such records there are.
    var records = 0

    /// Reads all of `scanner`'s file behind its offset, once, in bounded pieces.
    init(behind scanner: SegmentScanner) throws(LogError) {
        var offset = scanner.offset
        var window: [UInt8] = []
        do throws(SystemError) {
            while true {
                let before = window.count
                try scanner.file.read(
                    at: offset + before, count: SegmentScanner.chunkBytes - before, into: &window)
                let isLast = window.count < SegmentScanner.chunkBytes
                let searched = isLast ? window.count : window.count - RecordHeader.byteCount
                search(window.span, until: searched, at: offset, header: scanner.header)
                if isLast { return }
                window.removeFirst(searched)
                offset += searched
            }
        } catch {
            throw .system(error)
        }
    }

    private mutating func search(_ bytes: Span<UInt8>, until end: Int, at offset: Int, header: SegmentHeader) {
        var index = 0
        while index < end {
            let byte = bytes[index]
            if byte != 0 {
                isDirty = true
                if byte == UInt8(truncatingIfNeeded: RecordHeader.magic),
                    index + RecordHeader.byteCount <= bytes.count,
                    let found = RecordHeader(
                        decoding: bytes.extracting(index..<bytes.count), segment: header.segment,
                        offset: offset + index, salt: header.salt)
                {
                    records += 1
                    durableThrough = max(durableThrough, found.durableThrough)
                }
            }
            index += 1
        }
    }
}
