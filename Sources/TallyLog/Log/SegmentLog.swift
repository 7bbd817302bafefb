package import TallyIO
package import TallyModel

/// A durable log of records in numbered segments: a tenant's ledger and a workstation's spool.
///
/// Promise: what `durable` covers survives power loss, and is found again or missed loudly. A record is first
/// *appended* (its place and checksum are decided, in memory), then *flushed* (the kernel has it, readers see it),
/// then *durable* (a sync or a barrier over the file system covers it):
///
///     durable.ordinal ≤ flushed.ordinal ≤ appended.ordinal
///
/// It knows no clock, no randomness and no meaning of a body. One owner: the value cannot be copied. After a
/// failed sync it is poisoned: every call throws, nothing is retried, and only opening it again recovers.
package struct SegmentLog: ~Copyable, Sendable {
    package let lineage: Bytes16
    package private(set) var appended: LedgerPosition
    package private(set) var flushed: LedgerPosition
    package private(set) var durable: LedgerPosition
    /// What opening found; clean for a new log.
    package let recovery: LogRecovery
    /// The segments that exist, oldest first; the last is the one appended to.
    package private(set) var segments: [SegmentFacts]

    /// The current segment takes no more records; `roll` begins the next.
    package private(set) var isSealed: Bool

    private let disk: any LogDisk
    private let options: LogOptions
    private var file: any LogFile
    private var salt: UInt64
    /// Bytes of the segment that the kernel has, and bytes that exist, zeros included.
    private var flushedBytes: Int
    private var allocatedBytes: Int
    private var buffer: [UInt8] = []
    private var failure: SystemError?

    /// One segment, as its header names it.
    package struct SegmentFacts: Hashable, Sendable {
        package var number: UInt32
        package var firstOrdinal: UInt64
        package var createdAtMs: Int64
    }

    init(_ state: consuming LogState, disk: any LogDisk, options: LogOptions) {
        lineage = state.end.lineage
        appended = state.end
        flushed = state.end
        durable = state.end
        recovery = state.recovery
        segments = state.segments
        self.disk = disk
        self.options = options
        file = state.file
        salt = state.salt
        flushedBytes = state.bytes
        allocatedBytes = state.allocatedBytes
        isSealed = state.isSealed
        if options.bypassesCache { file.bypassCache(from: flushedBytes) }
    }

    // MARK: Facts

    /// Bytes of the current segment, those still in memory included.
    package var segmentBytes: Int { flushedBytes + buffer.count }

    /// The owner should call `roll` soon: the segment has its size, or ended sealed when the log was opened.
    package var isRollDue: Bool { isSealed || segmentBytes >= options.segmentBytes }

    /// The error that ended this log, if one did.
    package var poison: SystemError? { failure }

    // MARK: Appending

    /// Decides a record's place and keeps it in memory until `flush`. Writes only when the buffer is full.
    @discardableResult
    package mutating func append(
        _ draft: RecordDraft, body: Span<UInt8>, local: Span<UInt8>
    ) throws(LogError) -> LedgerPosition {
        try checkUsable()
        guard !isSealed else { throw .segmentFull }
        let size = RecordHeader.overheadBytes + body.count + local.count
        guard size <= Limits.recordBytesMax else { throw .recordTooLong(bytes: size) }
        // Room for the seal must remain.
        guard segmentBytes + size + RecordHeader.overheadBytes <= options.segmentBytesHard else { throw .segmentFull }
        if !buffer.isEmpty, buffer.count + size > options.bufferBytesMax { try flush() }
        encode(draft, body: body, local: local)
        return appended
    }

    @discardableResult
    package mutating func append(
        _ draft: RecordDraft, body: [UInt8], local: [UInt8] = []
    ) throws(LogError) -> LedgerPosition {
        try append(draft, body: body.span, local: local.span)
    }

    private mutating func encode(_ draft: RecordDraft, body: Span<UInt8>, local: Span<UInt8>) {
        let plan = RecordHeader(
            draft: draft, segment: appended.segment, offset: UInt32(segmentBytes), ordinal: appended.ordinal + 1,
            previousChecksum: appended.checksum, durableThrough: durable.ordinal, bodyBytes: body.count,
            localBytes: local.count)
        appended.checksum = RecordHeader.encode(plan, body: body, local: local, salt: salt, into: &buffer)
        appended.ordinal += 1
    }

    /// Hands everything appended to the kernel in one write. After a full disk (`.system`) the records stay in
    /// memory and the call may be made again; any other failure poisons.
    @discardableResult
    package mutating func flush() throws(LogError) -> LedgerPosition {
        try checkUsable()
        guard !buffer.isEmpty else { return flushed }
        let end = flushedBytes + buffer.count
        do throws(SystemError) {
            if end > allocatedBytes {
                try file.writeZeros(at: end, count: options.preallocationBytes)
                allocatedBytes = end + options.preallocationBytes
            }
            try file.write(buffer.span, at: flushedBytes)
        } catch {
            throw keep(LogError(ofWrite: error))
        }
        flushedBytes = end
        buffer.removeAll(keepingCapacity: true)
        flushed = appended
        return flushed
    }

    // MARK: Durability

    /// Flushes and waits until all of it is on stable storage.
    @discardableResult
    package mutating func sync() throws(LogError) -> LedgerPosition {
        try flush()
        guard durable != flushed else { return durable }
        do throws(SystemError) { try file.sync() } catch { throw poison(with: error) }
        durable = flushed
        return durable
    }

    /// A barrier for another thread to wait on: flushes, and names the file and how far a sync of it reaches.
    package mutating func barrier() throws(LogError) -> LogBarrier {
        LogBarrier(file: file, through: try flush())
    }

    /// Something that covers this log's writes — a barrier's sync, or one over the file system begun after the
    /// `flush` that returned `position` — has succeeded.
    package mutating func markSynced(through position: LedgerPosition) {
        precondition(position.ordinal <= flushed.ordinal && position.lineage == lineage, "synced before it was flushed")
        if position.ordinal > durable.ordinal { durable = position }
    }

    /// Ends the log: a sync that covered it failed, here or in a barrier.
    @discardableResult
    package mutating func poison(with error: SystemError) -> LogError {
        if failure == nil { failure = error }
        return .poisoned(failure ?? error)
    }

    /// Remembers a failure that ends the log.
    private mutating func keep(_ error: LogError) -> LogError {
        if case .poisoned(let cause) = error { return poison(with: cause) }
        return error
    }

    private func checkUsable() throws(LogError) {
        if let failure { throw .poisoned(failure) }
    }

    // MARK: Segments

    /// Seals the current segment, durably, and begins the next with `first` (the owner's checkpoint, split over
    /// as many records as it needs, and made while they are written), durably. On return everything appended so far is
    /// durable. After a full disk (`.system`) call it again.
    package mutating func roll(
        nowMs: Int64, salt newSalt: UInt64, first: some Sequence<NewRecord>
    ) throws(LogError) {
        try checkUsable()
        if !isSealed {
            let empty: [UInt8] = []
            try flush()
            encode(RecordDraft(.seal, receivedAtMs: nowMs), body: empty.span, local: empty.span)
            isSealed = true
        }
        try flush()
        // The next open finds the seal at the very end of the file.
        do throws(SystemError) {
            try file.truncate(to: flushedBytes)
            try file.sync()
        } catch {
            throw poison(with: error)
        }
        allocatedBytes = flushedBytes
        durable = flushed
        let birth: SegmentBirth
        do throws(LogError) {
            birth = try SegmentBirth(
                segment: durable.segment + 1, salt: newSalt, createdAtMs: nowMs, after: durable, first: first, on: disk,
                options: options)
        } catch {
            throw keep(error)
        }
        file = birth.file
        salt = newSalt
        isSealed = false
        flushedBytes = birth.byteCount
        allocatedBytes = flushedBytes + options.preallocationBytes
        appended = birth.position
        flushed = appended
        durable = appended
        segments.append(SegmentFacts(birth.header))
        if options.bypassesCache { file.bypassCache(from: flushedBytes) }
    }

    /// Unlinks the leading segments that hold nothing behind `position`; the current one always stays. Says how
    /// many went. The owner vouches that nobody needs them.
    @discardableResult
    package mutating func trim(through position: LedgerPosition) throws(LogError) -> Int {
        try checkUsable()
        precondition(position.lineage == lineage, "a position of another log")
        var count = 0
        while segments.count > 1, segments[1].firstOrdinal - 1 <= min(position.ordinal, durable.ordinal) {
            let name = SegmentName.of(segments[0].number)
            do throws(SystemError) { try disk.unlinkFile(name) } catch {
                guard error.isNotFound else { throw .system(error) }
            }
            // After each: a power loss must never leave a hole.
            do throws(SystemError) { try disk.syncFolder() } catch { throw poison(with: error) }
            segments.removeFirst()
            count += 1
        }
        return count
    }

    /// Makes everything durable and says so on the disk, so that the next open need not write anything again.
    package mutating func close() throws(LogError) {
        try sync()
        do throws(LogError) { try DurableMark(position: durable).write(to: disk) } catch { throw keep(error) }
    }
}

extension SegmentLog.SegmentFacts {
    init(_ header: SegmentHeader) {
        self.init(number: header.segment, firstOrdinal: header.firstOrdinal, createdAtMs: header.createdAtMs)
    }
}

/// A sync that may be waited for on another thread; its success is told with `SegmentLog.markSynced(through:)`,
/// its failure with `poison(with:)`. Never retried.
package struct LogBarrier: Sendable {
    private let file: any LogFile
    package let through: LedgerPosition

    init(file: any LogFile, through: LedgerPosition) {
        self.file = file
        self.through = through
    }

    package func sync() throws(SystemError) { try file.sync() }
}
