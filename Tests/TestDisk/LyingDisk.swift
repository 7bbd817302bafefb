import Synchronization
package import TallyIO
package import TallyLog

/// A disk in memory that keeps only what was flushed. At a power loss every 512-byte sector of an unflushed file
/// holds some earlier state of its own, torn sectors included, and the folder some earlier state of its names.
///
/// Page cache and drive cache are one here, and the worst of both: what no sync has flushed may be on the drive or not,
/// in any order. A failed sync leaves the pages readable and clean: a later sync succeeds and keeps nothing of them.
package final class LyingDisk: LogDisk {
    package static let sectorBytes = LyingInode.sectorBytes

    /// What was done to the disk, for reports.
    package struct Facts: Hashable, Sendable {
        package var bytesWritten = 0
        package var syncs = 0
        package var powerLosses = 0
    }

    enum NameOperation: Sendable {
        case set(String, Int)
        case remove(String)
        /// One step: both halves are kept, or neither.
        case move(String, to: String, Int)
    }

    struct State: Sendable {
        var random: SeededRandom
        var inodes: [LyingInode] = []
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var pendingNames: [NameOperation] = []
        var life = 0
        var syncsUntilFailure = Int.max
        var writesUntilFailure = Int.max
        var bytesUntilFull = Int.max
        /// Writes and syncs from now on until the power goes in the middle of one.
        var callsUntilPowerLoss = Int.max
        var hasFailed = false
        var facts = Facts()
    }

    private let state: Guarded<State>

    package init(seed: UInt64) { state = Guarded(State(random: SeededRandom(seed))) }

    private init(_ state: sending State) { self.state = Guarded(state) }

    package var facts: Facts { state.withLock { $0.facts } }

    // MARK: Faults

    package func failSync(after syncs: Int) { state.withLock { $0.syncsUntilFailure = syncs } }
    package func failWrite(after writes: Int) { state.withLock { $0.writesUntilFailure = writes } }
    package func fill(after bytes: Int) { state.withLock { $0.bytesUntilFull = bytes } }
    package func losePower(afterCalls calls: Int) { state.withLock { $0.callsUntilPowerLoss = calls } }
    /// The power went in the middle of a call, and the process has seen an error that it does not outlive.
    package var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// The process ends; the page cache stays.
    package func kill() {
        state.withLock { state in
            state.life += 1
            state.syncsUntilFailure = .max
            state.writesUntilFailure = .max
            state.bytesUntilFull = .max
            state.callsUntilPowerLoss = .max
            state.hasFailed = false
        }
    }

    /// The power goes: what was not flushed is lost, torn or reordered.
    package func losePower() {
        kill()
        state.withLock { state in
            state.facts.powerLosses += 1
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

    /// Memory was short: what a failed sync left clean is read again from the drive, where it never came.
    package func dropCache() {
        state.withLock { state in
            for index in state.inodes.indices { state.inodes[index].dropCache() }
        }
    }

    /// Another disk, as this one would be after a loss of power now.
    package func afterPowerLoss(seed: UInt64) -> LyingDisk {
        var copy = state.withLock { $0 }
        copy.random = SeededRandom(seed)
        let disk = LyingDisk(copy)
        disk.losePower()
        return disk
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
            state.inodes[index].pending = []
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
        state.withLock { $0.put(name, bytes) }
    }

    package func bytes(_ name: String) -> [UInt8] {
        state.withLock { state in state.names[name].map { state.inodes[$0].current } ?? [] }
    }

    /// Every name with its content: to see that nothing was touched, and to put it back later.
    package func snapshot() -> [String: [UInt8]] {
        state.withLock { state in state.names.mapValues { state.inodes[$0].current } }
    }

    /// Puts a snapshot back, durable; nothing else is left. The process that used the disk is gone.
    package func restore(_ snapshot: [String: [UInt8]]) {
        kill()
        state.withLock { state in
            state.inodes = []
            state.names = [:]
            state.durableNames = [:]
            state.pendingNames = []
            for name in snapshot.keys.sorted() { state.put(name, snapshot[name] ?? []) }
        }
    }

    // MARK: LogDisk

    package func listFiles() throws(SystemError) -> [String] { state.withLock { $0.names.keys.sorted() } }

    package func createFile(_ name: String) throws(SystemError) -> any LogFile {
        try change { state throws(SystemError) in
            guard state.names[name] == nil else { throw SystemError("open", name, number: 17) }
            state.inodes.append(LyingInode())
            state.perform(.set(name, state.inodes.count - 1))
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
            state.perform(.move(name, to: newName, index))
        }
    }

    package func unlinkFile(_ name: String) throws(SystemError) {
        try change { state throws(SystemError) in
            guard state.names[name] != nil else { throw SystemError("unlink", name, number: 2) }
            state.perform(.remove(name))
        }
    }

    package func syncFolder() throws(SystemError) {
        try change { state throws(SystemError) in
            try state.spendCall("sync")
            state.flushNames()
        }
    }

    /// The share of this disk in a barrier over the file system: files and names.
    package func syncEverything() throws(SystemError) {
        try change { state throws(SystemError) in
            try state.spendCall("syncfs")
            state.facts.syncs += 1
            guard !state.mustSyncFail() else {
                for index in state.inodes.indices { state.inodes[index].failed(&state.random) }
                throw SystemError("syncfs", number: 5)
            }
            for index in state.inodes.indices { state.inodes[index].flushed() }
            state.flushNames()
        }
    }

    func change<Value: Sendable>(
        _ body: (inout State) throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try state.withLock { state throws(SystemError) in try body(&state) }
    }
}

extension LyingDisk.State {
    mutating func perform(_ operation: LyingDisk.NameOperation) {
        operation.apply(to: &names)
        pendingNames.append(operation)
    }

    mutating func flushNames() {
        for operation in pendingNames { operation.apply(to: &durableNames) }
        pendingNames = []
    }

    mutating func put(_ name: String, _ bytes: [UInt8]) {
        inodes.append(LyingInode(durable: bytes, current: bytes))
        names[name] = inodes.count - 1
        durableNames[name] = inodes.count - 1
    }

    /// The power may go at any write or sync: the process sees an error that it does not outlive.
    mutating func spendCall(_ call: String) throws(SystemError) {
        callsUntilPowerLoss -= 1
        guard callsUntilPowerLoss > 0, !hasFailed else {
            hasFailed = true
            throw SystemError(call, "power", number: 5)
        }
    }

    mutating func mustSyncFail() -> Bool {
        syncsUntilFailure -= 1
        guard syncsUntilFailure <= 0 else { return false }
        syncsUntilFailure = .max
        return true
    }
}

extension LyingDisk.NameOperation {
    fileprivate func apply(to names: inout [String: Int]) {
        switch self {
        case .set(let name, let index): names[name] = index
        case .remove(let name): names[name] = nil
        case .move(let name, let newName, let index):
            names[name] = nil
            names[newName] = index
        }
    }
}
