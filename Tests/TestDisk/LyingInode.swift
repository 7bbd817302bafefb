import TallyIO

/// One file of a lying disk: what the process reads, what stable storage holds, and the writes between the two.
///
///     write ──▶ current   (the page cache: read by everybody, until the power goes or the cache is dropped)
///               pending   written, and flushed by nothing: some of it may be on the drive, in any order
///     sync  ──▶ durable   behind the drive's cache
struct LyingInode: Sendable {
    enum Operation: Sendable {
        case write(at: Int, [UInt8])
        case truncate(Int)
    }

    static let sectorBytes = 512

    var durable: [UInt8] = []
    var current: [UInt8] = []
    var pending: [Operation] = []

    mutating func perform(_ operation: Operation) {
        operation.apply(to: &current)
        pending.append(operation)
    }

    /// The drive has emptied its cache.
    mutating func flushed() {
        for operation in pending { operation.apply(to: &durable) }
        pending = []
    }

    /// A sync that failed: some sectors came through, none is dirty any more, and all can still be read. No later sync
    /// will write them.
    mutating func failed(_ random: inout SeededRandom) {
        guard !pending.isEmpty else { return }
        durable = remains(&random)
        pending = []
    }

    /// What was not flushed is lost, torn or reordered, sector by sector.
    mutating func crash(_ random: inout SeededRandom) {
        if !pending.isEmpty { durable = remains(&random) }
        pending = []
        current = durable
    }

    /// Memory was short: clean pages are read again from the drive.
    mutating func dropCache() {
        current = durable
        for operation in pending { operation.apply(to: &current) }
    }

    /// Each sector holds some earlier state of its own.
    private func remains(_ random: inout SeededRandom) -> [UInt8] {
        let end = max(durable.count, current.count, pending.map(\.end).max() ?? 0)
        var left: [UInt8] = []
        for start in stride(from: 0, to: end, by: Self.sectorBytes) {
            let sector = start..<start + Self.sectorBytes
            var piece: [UInt8] = []
            if start < durable.count {
                piece.append(copying: durable.span.extracting(start..<min(sector.upperBound, durable.count)))
            }
            let kept = random.below(pending.count + 1)
            for operation in pending.prefix(kept) { operation.apply(to: &piece, of: sector) }
            // The next one may have been cut within the sector.
            if kept < pending.count, random.chance(30) {
                pending[kept].apply(to: &piece, of: start..<start + 1 + random.below(Self.sectorBytes))
            }
            guard !piece.isEmpty else { continue }
            if left.count < start { left += [UInt8](repeating: 0, count: start - left.count) }
            left += piece
        }
        return left
    }
}

extension LyingInode.Operation {
    /// Behind the last byte that it touches.
    var end: Int {
        switch self {
        case .write(let offset, let data): offset + data.count
        case .truncate: 0
        }
    }

    func apply(to bytes: inout [UInt8]) {
        switch self {
        case .write(let offset, let data):
            if offset == bytes.count { return bytes += data }
            // Put together from spans: the slow generic paths of a debug build would cost the run its seeds.
            var changed: [UInt8] = []
            changed.reserveCapacity(max(bytes.count, end))
            changed.append(copying: bytes.span.extracting(0..<min(offset, bytes.count)))
            if changed.count < offset { changed += [UInt8](repeating: 0, count: offset - changed.count) }
            changed.append(copying: data.span)
            if end < bytes.count { changed.append(copying: bytes.span.extracting(end..<bytes.count)) }
            bytes = changed
        case .truncate(let size):
            if bytes.count > size { bytes.removeLast(bytes.count - size) }
        }
    }

    /// Applies the part that touches one sector, whose bytes up to the file's end are `piece`.
    func apply(to piece: inout [UInt8], of sector: Range<Int>) {
        switch self {
        case .write(let offset, let data):
            let touched = sector.clamped(to: offset..<offset + data.count)
            guard !touched.isEmpty else { return }
            let start = touched.lowerBound - sector.lowerBound
            if piece.count < start { piece += [UInt8](repeating: 0, count: start - piece.count) }
            for place in touched {
                let index = place - sector.lowerBound
                if index < piece.count {
                    piece[index] = data[place - offset]
                } else {
                    piece.append(data[place - offset])
                }
            }
        case .truncate(let size):
            let left = max(0, size - sector.lowerBound)
            if piece.count > left { piece.removeLast(piece.count - left) }
        }
    }
}
