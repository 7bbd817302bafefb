import TallyIO
package import TallyModel

/// What `SegmentLog` begins with.
struct LogState {
    var end: LedgerPosition
    var recovery: LogRecovery
    var segments: [SegmentLog.SegmentFacts]
    var file: any LogFile
    var salt: UInt64
    var bytes: Int
    var allocatedBytes: Int
    var isSealed: Bool
}

extension SegmentLog {
    /// Begins a log in a folder that holds none, with its first segment and `first` durable in it. `lineage` and
    /// `salt` are random.
    package static func create(
        on disk: any LogDisk, options: LogOptions = LogOptions(), lineage: Bytes16, nowMs: Int64, salt: UInt64,
        first: some Sequence<NewRecord> = [NewRecord]()
    ) throws(LogError) -> SegmentLog {
        guard try LogRecoverer.segmentNumbers(on: disk).isEmpty else { throw .exists }
        let birth = try SegmentBirth(
            segment: 1, salt: salt, createdAtMs: nowMs,
            after: LedgerPosition(lineage: lineage, segment: 1, ordinal: 0, checksum: 0), first: first, on: disk,
            options: options)
        let state = LogState(
            end: birth.position,
            recovery: LogRecovery(durableThrough: birth.ordinal, recordsRewritten: 0, bytesCut: 0),
            segments: [SegmentFacts(birth.header)], file: birth.file, salt: salt, bytes: birth.byteCount,
            allocatedBytes: birth.byteCount + options.preallocationBytes, isSealed: false)
        return SegmentLog(state, disk: disk, options: options)
    }

    /// Opens a log and recovers it: checks the links of all segments and every record of the last, cuts a torn
    /// tail that nothing proves durable, and writes again what is not known durable. On return all of it is
    /// durable. Throws `.absent` if there is none, `.damaged` if something durable is missing.
    ///
    /// The caller holds the folder's lock: no other owner may exist.
    package static func open(
        on disk: any LogDisk, options: LogOptions = LogOptions(), evidence: LogEvidence = .none
    ) throws(LogError) -> SegmentLog {
        let state = try LogRecoverer(disk: disk, options: options, evidence: evidence).recover()
        return SegmentLog(state, disk: disk, options: options)
    }
}

/// Opens a log after any kind of stop.
struct LogRecoverer {
    let disk: any LogDisk
    let options: LogOptions
    let evidence: LogEvidence

    func recover() throws(LogError) -> LogState {
        let numbers = try LogRecoverer.segmentNumbers(on: disk)
        try removeTemporaries()
        // A segment may have got its name just before the stop: what its header promises holds once the name does.
        try put { () throws(SystemError) in try disk.syncFolder() }
        guard let last = numbers.last else {
            guard evidence.durableThrough == 0 else {
                throw .damaged(LogDamage(.endMissing(durableThrough: evidence.durableThrough), segment: 1))
            }
            throw .absent
        }
        let headers = try checkLinks(numbers)
        var scan = try LastSegment(disk, segment: last)
        let mark = try DurableMark.read(from: disk)
        var known = max(scan.header.firstOrdinal - 1, scan.header.durableAtBirth, scan.highestClaim)
        known = max(known, evidence.durableThrough)
        if let mark, mark.position.lineage == scan.header.lineage { known = max(known, mark.position.ordinal) }
        let tail = try TailFindings(behind: scan.scanner)
        // Something durable is not there: either a record behind the last good one, or the end of the log.
        if max(known, tail.durableThrough) > scan.ordinal {
            guard tail.isDirty else {
                throw .damaged(
                    LogDamage(
                        .endMissing(durableThrough: known), segment: last, offset: scan.bytes,
                        ordinal: scan.ordinal + 1))
            }
            throw .damaged(LogDamage(.record, segment: last, offset: scan.bytes, ordinal: scan.ordinal + 1))
        }
        var recovery = LogRecovery(durableThrough: known, recordsRewritten: scan.ordinal - known, bytesCut: 0)
        if known < scan.ordinal || tail.isDirty {
            recovery.bytesCut = tail.isDirty ? scan.fileBytes - scan.bytes : 0
            try rewrite(&scan)
        }
        let file = try call { () throws(SystemError) in
            try disk.openFile(SegmentName.of(last), .write)
        }
        return LogState(
            end: scan.position, recovery: recovery, segments: headers.map(SegmentLog.SegmentFacts.init), file: file,
            salt: scan.header.salt, bytes: scan.bytes, allocatedBytes: scan.fileBytes, isSealed: scan.isSealed)
    }

    static func segmentNumbers(on disk: any LogDisk) throws(LogError) -> [UInt32] {
        do throws(SystemError) { return try disk.listFiles().compactMap(SegmentName.number).sorted() } catch {
            throw .system(error)
        }
    }

    private func removeTemporaries() throws(LogError) {
        try call { () throws(SystemError) in
            for name in try disk.listFiles() where name.hasSuffix(SegmentName.temporarySuffix) {
                try disk.unlinkFile(name)
            }
        }
    }

    /// Every segment is there, is of this log, and continues the sealed one before it.
    private func checkLinks(_ numbers: [UInt32]) throws(LogError) -> [SegmentHeader] {
        if evidence.firstSegment != 0, let first = numbers.first, first > evidence.firstSegment {
            throw .damaged(LogDamage(.segmentMissing, segment: evidence.firstSegment))
        }
        var headers: [SegmentHeader] = []
        for number in numbers {
            if let before = headers.last, before.segment + 1 != number {
                throw .damaged(LogDamage(.segmentMissing, segment: before.segment + 1))
            }
            let file = try call { () throws(SystemError) in
                try disk.openFile(SegmentName.of(number), .read)
            }
            let header = try SegmentScanner.readHeader(file, segment: number)
            if let before = headers.last { try checkLink(before, header) }
            headers.append(header)
        }
        return headers
    }

    /// The segment before ends with the seal that `header` names.
    private func checkLink(_ before: SegmentHeader, _ header: SegmentHeader) throws(LogError) {
        let damage = LogError.damaged(LogDamage(.segmentLink, segment: header.segment))
        guard before.lineage == header.lineage, header.firstOrdinal > before.firstOrdinal else { throw damage }
        if before.isHusked { return }
        let bytes = try call { () throws(SystemError) in
            let file = try disk.openFile(SegmentName.of(before.segment), .read)
            let size = try file.size()
            var bytes: [UInt8] = []
            let offset = max(0, size - RecordHeader.overheadBytes)
            try file.read(at: offset, count: RecordHeader.overheadBytes, into: &bytes)
            return (offset, bytes)
        }
        guard bytes.1.count == RecordHeader.overheadBytes,
            let seal = RecordHeader(
                decoding: bytes.1.span, segment: before.segment, offset: bytes.0, salt: before.salt),
            seal.kind == .seal, seal.ordinal + 1 == header.firstOrdinal, seal.checksum == header.previousChecksum
        else { throw damage }
    }

    /// Reads the good records of the last segment once more, checks them again, and writes them into a fresh
    /// file that takes the segment's name when it is durable. Until then the old file stands untouched.
    private func rewrite(_ scan: inout LastSegment) throws(LogError) {
        let name = SegmentName.of(scan.header.segment)
        let file = try SegmentBirth.temporaryFile(for: name, on: disk)
        var source = try SegmentScanner(disk, segment: scan.header.segment)
        var header = scan.header
        header.durableAtBirth = scan.ordinal
        var chunk: [UInt8] = []
        header.encode(into: &chunk)
        var written = 0
        var unsynced = 0
        while true {
            let isDone = source.offset == scan.bytes
            if isDone || chunk.count >= SegmentScanner.chunkBytes {
                try put { () throws(SystemError) in
                    try file.write(chunk.span, at: written)
                }
                written += chunk.count
                unsynced += chunk.count
                chunk.removeAll(keepingCapacity: true)
                if unsynced >= Limits.rewriteDirtyBytesMax {
                    try put { () throws(SystemError) in try file.sync() }
                    unsynced = 0
                }
            }
            if isDone { break }
            guard source.offset < scan.bytes, try source.next() != nil else {
                throw .damaged(
                    LogDamage(
                        .unstable, segment: scan.header.segment, offset: source.offset, ordinal: source.ordinal))
            }
            source.copyRecord(to: &chunk)
        }
        guard source.previousChecksum == scan.scanner.previousChecksum else {
            throw .damaged(LogDamage(.unstable, segment: scan.header.segment, offset: scan.bytes))
        }
        let zeros = scan.isSealed ? 0 : options.preallocationBytes
        try put { () throws(SystemError) in try file.writeZeros(at: written, count: zeros) }
        try SegmentBirth.name(file, name, on: disk)
        scan.fileBytes = written + zeros
    }

    private func call<Value>(_ body: () throws(SystemError) -> Value) throws(LogError) -> Value {
        do throws(SystemError) { return try body() } catch { throw .system(error) }
    }

    private func put(_ body: () throws(SystemError) -> Void) throws(LogError) {
        do throws(SystemError) { try body() } catch { throw LogError(ofWrite: error) }
    }
}

/// The last segment, walked to the last record that checks.
private struct LastSegment {
    var scanner: SegmentScanner
    /// The last good record; the one before the segment if it holds none.
    var ordinal: UInt64
    var isSealed = false
    /// The highest `durableThrough` of a good record.
    var highestClaim: UInt64 = 0
    var fileBytes: Int

    var header: SegmentHeader { scanner.header }
    var bytes: Int { scanner.offset }
    var position: LedgerPosition {
        LedgerPosition(
            lineage: header.lineage, segment: header.segment, ordinal: ordinal, checksum: scanner.previousChecksum)
    }

    init(_ disk: any LogDisk, segment: UInt32) throws(LogError) {
        scanner = try SegmentScanner(disk, segment: segment)
        do throws(SystemError) { fileBytes = try scanner.file.size() } catch { throw .system(error) }
        while !isSealed, let record = try scanner.next() {
            highestClaim = max(highestClaim, record.durableThrough)
            isSealed = record.kind == .seal
        }
        ordinal = scanner.ordinal - 1
    }
}
