import Synchronization
package import TallyIO
package import TallyLog

/// SplitMix64: the same seed, the same run.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    package var state: UInt64
    package init(_ seed: UInt64) { state = seed }
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

/// A disk in memory that keeps only what was synced. At a power loss every 512-byte sector of an unsynced file
/// holds some earlier state of its own, torn sectors included, and the folder some earlier state of its names.
/// A failed sync leaves the pages readable and clean: a later sync succeeds and keeps nothing of them.
package final class LyingDisk: LogDisk {
    package static let sectorBytes = 512

    fileprivate enum Operation: Sendable {
        case write(at: Int, [UInt8])
        case truncate(Int)
    }

    fileprivate struct Inode: Sendable {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        var pending: [Operation] = []
    }

    fileprivate enum NameOperation: Sendable {
        case set(String, Int)
        case remove(String)
    }

    fileprivate struct State: Sendable {
        var random: SeededRandom
        var inodes: [Inode] = []
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var pendingNames: [NameOperation] = []
        var life = 0
        var syncsUntilFailure = Int.max
        var bytesUntilFull = Int.max
        /// Writes and syncs from now on until the power goes in the middle of one.
        var callsUntilPowerLoss = Int.max
        var hasFailed = false
    }

    private let state: Guarded<State>

    package init(seed: UInt64) { state = Guarded(State(random: SeededRandom(seed))) }

    // MARK: Faults

    package func failSync(after syncs: Int) { state.withLock { $0.syncsUntilFailure = syncs } }
    package func fill(after bytes: Int) { state.withLock { $0.bytesUntilFull = bytes } }
    package func losePower(afterCalls calls: Int) { state.withLock { $0.callsUntilPowerLoss = calls } }

    /// The process ends; the page cache stays.
    package func kill() {
        state.withLock { state in
            state.life += 1
            state.syncsUntilFailure = .max
            state.bytesUntilFull = .max
            state.callsUntilPowerLoss = .max
            state.hasFailed = false
        }
    }

    /// The power goes: what was not synced is lost, torn or reordered.
    package func losePower() {
        kill()
        state.withLock { state in
            let kept = state.random.below(state.pendingNames.count + 1)
            for operation in state.pendingNames.prefix(kept) {
                // A removal may be lost although a later one was kept.
                if case .remove = operation, state.random.chance(30) { continue }
                operation.apply(to: &state.durableNames)
            }
            state.pendingNames = []
            state.names = state.durableNames
            for index in state.inodes.indices { state.inodes[index].crash(&state.random) }
        }
    }

    /// Flips one bit of a file, on the disk and in the cache.
    package func flip(_ name: String, byte: Int, bit: Int) {
        edit(name) { $0[byte] ^= 1 << UInt8(bit) }
    }

    package func edit(_ name: String, _ change: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let index = state.names[name] else { return }
            change(&state.inodes[index].current)
            state.inodes[index].durable = state.inodes[index].current
        }
    }

    package func remove(_ name: String) {
        state.withLock { state in
            state.names[name] = nil
            state.durableNames[name] = nil
        }
    }

    /// Puts a whole file there, durable.
    package func put(_ name: String, _ bytes: [UInt8]) {
        state.withLock { state in
            state.inodes.append(Inode(durable: bytes, current: bytes))
            state.names[name] = state.inodes.count - 1
            state.durableNames[name] = state.inodes.count - 1
        }
    }

    package func bytes(_ name: String) -> [UInt8] {
        state.withLock { state in state.names[name].map { state.inodes[$0].current } ?? [] }
    }

    /// Every name with its content: to see that nothing was touched.
    package func snapshot() -> [String: [UInt8]] {
        state.withLock { state in state.names.mapValues { state.inodes[$0].current } }
    }

    /// What a barrier over the whole file system does: every file, and every name.
    package func syncEverything() throws(SystemError) {
        try change { state throws(SystemError) in
            try state.spendCall("sync")
            state.syncsUntilFailure -= 1
            let fails = state.syncsUntilFailure <= 0
            if fails { state.syncsUntilFailure = .max }
            for index in state.inodes.indices { state.inodes[index].flush(keeping: !fails) }
            guard !fails else { throw SystemError("sync", "everything", number: 5) }
            for operation in state.pendingNames { operation.apply(to: &state.durableNames) }
            state.pendingNames = []
        }
    }

    // MARK: LogDisk

    package func listFiles() throws(SystemError) -> [String] { state.withLock { $0.names.keys.sorted() } }

    package func createFile(_ name: String) throws(SystemError) -> any LogFile {
        try change { state throws(SystemError) in
            guard state.names[name] == nil else { throw SystemError("open", name, number: 17) }
            state.inodes.append(Inode())
            state.rename(.set(name, state.inodes.count - 1))
            return LyingFile(self, name, state.inodes.count - 1, life: state.life)
        }
    }

    package func openFile(_ name: String, _ access: Directory.Access) throws(SystemError) -> any LogFile {
        try change { state throws(SystemError) in
            guard let index = state.names[name] else { throw SystemError("open", name, number: 2) }
            return LyingFile(self, name, index, life: state.life)
        }
    }

    package func renameFile(_ name: String, to newName: String) throws(SystemError) {
        try change { state throws(SystemError) in
            try state.spendCall("rename")
            guard let index = state.names[name] else { throw SystemError("rename", name, number: 2) }
            state.names[name] = nil
            state.names[newName] = index
            // One step: both halves are kept, or neither.
            state.pendingNames.append(.set(newName, index))
            state.pendingNames.append(.remove(name))
        }
    }

    package func unlinkFile(_ name: String) throws(SystemError) {
        try change { state throws(SystemError) in
            guard state.names[name] != nil else { throw SystemError("unlink", name, number: 2) }
            state.rename(.remove(name))
        }
    }

    package func syncFolder() throws(SystemError) {
        try change { state throws(SystemError) in
            try state.spendCall("sync")
            for operation in state.pendingNames { operation.apply(to: &state.durableNames) }
            state.pendingNames = []
        }
    }

    fileprivate func change<Value: Sendable>(
        _ body: (inout State) throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try state.withLock { state throws(SystemError) in try body(&state) }
    }
}

extension SeededRandom {
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

extension LyingDisk.State {
    fileprivate mutating func rename(_ operation: LyingDisk.NameOperation) {
        operation.apply(to: &names)
        pendingNames.append(operation)
    }

    /// The power may go at any write or sync: the process sees an error that it does not outlive.
    fileprivate mutating func spendCall(_ call: String) throws(SystemError) {
        callsUntilPowerLoss -= 1
        guard callsUntilPowerLoss > 0, !hasFailed else {
            hasFailed = true
            throw SystemError(call, "power", number: 5)
        }
    }
}

extension LyingDisk.NameOperation {
    fileprivate func apply(to names: inout [String: Int]) {
        switch self {
        case .set(let name, let index): names[name] = index
        case .remove(let name): names[name] = nil
        }
    }
}

extension LyingDisk.Operation {
    /// Applies the part that touches `range`.
    fileprivate func apply(to bytes: inout [UInt8], in range: Range<Int>) {
        switch self {
        case .write(let offset, let data):
            let touched = range.clamped(to: offset..<offset + data.count)
            guard !touched.isEmpty else { return }
            // Put together from spans: the slow generic paths of a debug build would cost the run its seeds.
            var changed: [UInt8] = []
            changed.reserveCapacity(max(bytes.count, touched.upperBound))
            changed.append(copying: bytes.span.extracting(0..<min(touched.lowerBound, bytes.count)))
            if changed.count < touched.lowerBound { changed += zeros(touched.lowerBound - changed.count) }
            changed.append(
                copying: data.span.extracting(touched.lowerBound - offset..<touched.upperBound - offset))
            if touched.upperBound < bytes.count {
                changed.append(copying: bytes.span.extracting(touched.upperBound..<bytes.count))
            }
            bytes = changed
        case .truncate(let size):
            if bytes.count > size, range.lowerBound >= size { bytes.removeLast(bytes.count - size) }
        }
    }
}

private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

extension LyingDisk.Inode {
    /// A sync: what was pending is on the disk, or, where the sync fails, nowhere but in the cache.
    fileprivate mutating func flush(keeping: Bool) {
        let operations = pending
        pending = []
        guard keeping else { return }
        for operation in operations {
            if case .truncate(let size) = operation {
                operation.apply(to: &durable, in: size..<Int.max)
            } else {
                operation.apply(to: &durable, in: 0..<Int.max)
            }
        }
    }

    fileprivate mutating func crash(_ random: inout SeededRandom) {
        if !pending.isEmpty {
            let end = max(durable.count, current.count)
            for start in stride(from: 0, to: end, by: LyingDisk.sectorBytes) {
                let sector = start..<start + LyingDisk.sectorBytes
                let kept = random.below(pending.count + 1)
                for operation in pending.prefix(kept) { operation.apply(to: &durable, in: sector) }
                // The next one may have been cut within the sector.
                if kept < pending.count, random.chance(30) {
                    let torn = start..<start + 1 + random.below(LyingDisk.sectorBytes)
                    pending[kept].apply(to: &durable, in: torn)
                }
            }
        }
        pending = []
        current = durable
    }
}

/// A file of the lying disk. Handles from before a crash are dead.
private final class LyingFile: LogFile {
    private let disk: LyingDisk
    private let name: String
    private let index: Int
    private let life: Int

    init(_ disk: LyingDisk, _ name: String, _ index: Int, life: Int) {
        self.disk = disk
        self.name = name
        self.index = index
        self.life = life
    }

    func size() throws(SystemError) -> Int {
        try alive { state throws(SystemError) in state.inodes[index].current.count }
    }

    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws(SystemError) {
        let bytes = try alive { state throws(SystemError) in
            let all = state.inodes[index].current
            let range = min(offset, all.count)..<min(offset + count, all.count)
            var found: [UInt8] = []
            found.append(copying: all.span.extracting(range))
            return found
        }
        buffer.append(copying: bytes.span)
    }

    func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        var data: [UInt8] = []
        data.append(copying: bytes)
        try put(data, at: offset)
    }

    func writeZeros(at offset: Int, count: Int) throws(SystemError) {
        try put(zeros(count), at: offset)
    }

    private func put(_ data: [UInt8], at offset: Int) throws(SystemError) {
        guard !data.isEmpty else { return }
        try alive { state throws(SystemError) in
            // A write that fails has come as far as it came.
            let room = min(data.count, state.bytesUntilFull)
            state.bytesUntilFull -= state.bytesUntilFull == .max ? 0 : room
            let kept = room == data.count ? data : Array(data.prefix(room))
            let operation = LyingDisk.Operation.write(at: offset, kept)
            operation.apply(to: &state.inodes[index].current, in: 0..<Int.max)
            state.inodes[index].pending.append(operation)
            try state.spendCall("write")
            if room < data.count { throw SystemError("write", name, number: 28) }
        }
    }

    func truncate(to bytes: Int) throws(SystemError) {
        try alive { state throws(SystemError) in
            LyingDisk.Operation.truncate(bytes).apply(to: &state.inodes[index].current, in: bytes..<Int.max)
            state.inodes[index].pending.append(.truncate(bytes))
            try state.spendCall("truncate")
        }
    }

    func sync() throws(SystemError) {
        try alive { state throws(SystemError) in
            try state.spendCall("sync")
            state.syncsUntilFailure -= 1
            let fails = state.syncsUntilFailure <= 0
            if fails { state.syncsUntilFailure = .max }
            state.inodes[index].flush(keeping: !fails)
            guard !fails else { throw SystemError("sync", name, number: 5) }
        }
    }

    private func alive<Value: Sendable>(
        _ body: (inout LyingDisk.State) throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try disk.change { state throws(SystemError) in
            guard state.life == life else { throw SystemError("use", name, number: 9) }
            return try body(&state)
        }
    }
}
