import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// The folders of one machine where agents write, in memory.
final class TranscriptFolders: FolderSource, ProjectFiles {
    fileprivate struct Item: Sendable {
        var path: String
        var inode: UInt64
        var bytes: [UInt8]
        var changedMs: Int64
    }

    private struct State: Sendable {
        var items: [Item] = []
    }

    /// Everything in them, to put back later.
    struct Snapshot: Sendable {
        fileprivate var items: [Item]
    }

    private let state = Guarded(State())

    func append(_ path: String, _ line: String, atMs: Int64) {
        state.withLock { state in
            let index: Int
            if let known = state.items.firstIndex(where: { $0.path == path }) {
                index = known
            } else {
                state.items.append(Item(path: path, inode: 1_000 + UInt64(state.items.count), bytes: [], changedMs: 0))
                index = state.items.count - 1
            }
            state.items[index].bytes += Array(line.utf8)
            state.items[index].changedMs = atMs
        }
    }

    var snapshot: Snapshot { state.withLock { Snapshot(items: $0.items) } }

    func restore(_ snapshot: Snapshot) { state.withLock { $0.items = snapshot.items } }

    /// Each file by its identity, with its size.
    var sizes: [(identity: FileID, bytes: UInt64)] {
        state.withLock { state in
            state.items.map { (FileID(device: 1, inode: $0.inode), UInt64($0.bytes.count)) }
        }
    }

    // MARK: FolderSource

    func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool) {
        let prefix = path + "/"
        let names = state.withLock { state in
            var names: [String] = []
            for item in state.items where item.path.utf8.starts(with: prefix.utf8) {
                let rest = item.path.utf8.dropFirst(prefix.utf8.count)
                let name = String(rest.prefix { $0 != UInt8(ascii: "/") }) ?? ""
                if !names.contains(name) { names.append(name) }
            }
            return names
        }
        return (names, true)
    }

    func facts(_ path: String) -> WalkFacts? {
        state.withLock { state in
            if let item = state.items.first(where: { $0.path == path }) {
                return WalkFacts(
                    kind: .file, device: 1, inode: item.inode, bytes: UInt64(item.bytes.count),
                    changedMs: item.changedMs)
            }
            let prefix = path + "/"
            guard state.items.contains(where: { $0.path.utf8.starts(with: prefix.utf8) }) else { return nil }
            let inode = path.utf8.reduce(UInt64(14_695_981)) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
            return WalkFacts(kind: .folder, device: 1, inode: inode | 1 << 40, bytes: 0, changedMs: 0)
        }
    }

    func open(_ path: String) throws(SystemError) -> any TranscriptFile {
        let item = state.withLock { $0.items.first { $0.path == path } }
        guard let item else { throw SystemError("open", path, number: 2) }
        return Opened(item: item)
    }

    func kind(_ path: String) -> ProjectEntry { .nothing }
    func head(_ path: String) -> [UInt8]? { nil }

    /// A file as it was when it was opened: one scan of it takes no simulated time.
    private struct Opened: TranscriptFile {
        let item: Item

        func facts() throws(SystemError) -> WalkFacts {
            WalkFacts(
                kind: .file, device: 1, inode: item.inode, bytes: UInt64(item.bytes.count), changedMs: item.changedMs)
        }

        func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int {
            let from = min(Int(clamping: offset), item.bytes.count)
            let count = min(room, item.bytes.count - from)
            for index in 0..<count { buffer[start + index] = item.bytes[from + index] }
            return count
        }
    }
}
