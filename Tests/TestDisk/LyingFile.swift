import TallyIO
import TallyLog

/// A file of the lying disk. Handles from before a crash are dead.
final class LyingFile: LogFile {
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
        let all = try alive { state throws(SystemError) in state.inodes[index].current }
        let range = min(offset, all.count)..<min(offset + count, all.count)
        buffer.append(copying: all.span.extracting(range))
    }

    func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        var data: [UInt8] = []
        data.append(copying: bytes)
        try put(data, at: offset)
    }

    func writeZeros(at offset: Int, count: Int) throws(SystemError) {
        try put([UInt8](repeating: 0, count: count), at: offset)
    }

    private func put(_ data: [UInt8], at offset: Int) throws(SystemError) {
        guard !data.isEmpty else { return }
        try alive { state throws(SystemError) in
            // A write that fails has come as far as it came.
            var room = min(data.count, state.bytesUntilFull)
            state.bytesUntilFull -= state.bytesUntilFull == .max ? 0 : room
            state.writesUntilFailure -= 1
            let fails = state.writesUntilFailure <= 0
            if fails {
                state.writesUntilFailure = .max
                room = min(room, state.random.below(data.count + 1))
            }
            if room > 0 {
                state.inodes[index].perform(
                    .write(at: offset, room == data.count ? data : Array(data.prefix(room))))
                state.facts.bytesWritten += room
            }
            try state.spendCall("write")
            if fails { throw SystemError("write", name, number: 5) }
            if room < data.count { throw SystemError("write", name, number: 28) }
        }
    }

    func truncate(to bytes: Int) throws(SystemError) {
        try alive { state throws(SystemError) in
            state.inodes[index].perform(.truncate(bytes))
            try state.spendCall("truncate")
        }
    }

    func sync() throws(SystemError) {
        try alive { state throws(SystemError) in
            try state.spendCall("sync")
            state.facts.syncs += 1
            guard !state.mustSyncFail() else {
                state.inodes[index].failed(&state.random)
                throw SystemError("sync", name, number: 5)
            }
            state.inodes[index].flushed()
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
