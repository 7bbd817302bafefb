import Synchronization
import TallyIO
import TallyModel
import TestDisk

@testable import TallyWorkstation

/// A folder tree in memory: what agents write, without a disk. Names stand for inodes, as on a disk: a file keeps
/// its inode when it is renamed, and may have several names. What is open is read as it is at that moment.
final class MemoryFolders: FolderSource, ProjectFiles {
    /// Something that befalls a file while it is read.
    enum Change: Sendable {
        case append(String, [UInt8])
        /// Emptied and written again, in place.
        case rewrite(String, [UInt8])
        /// Another file takes its name.
        case replace(String, [UInt8])
        /// It has another name.
        case rename(String, String)
    }

    private struct Inode {
        var bytes: [UInt8] = []
        var changedMs: Int64 = 0
    }

    private struct State {
        var names: [String: UInt64] = [:]
        /// What each symbolic link names.
        var links: [String: String] = [:]
        var inodes: [UInt64: Inode] = [:]
        var lastInode: UInt64 = 999
        var clockMs: Int64 = 1
        /// Comes after so many reads, or with `flush`.
        var pending: (change: Change, reads: Int)?

        /// Of what stands there, a link followed.
        func found(_ path: String) -> UInt64? { names[links[path] ?? path] }

        mutating func inode(of path: String) -> UInt64 {
            if let inode = names[path] { return inode }
            lastInode += 1
            names[path] = lastInode
            return lastInode
        }

        mutating func edit(_ path: String, _ body: (inout [UInt8]) -> Void) {
            let inode = inode(of: path)
            clockMs += 1
            body(&inodes[inode, default: Inode()].bytes)
            inodes[inode, default: Inode()].changedMs = clockMs
        }

        mutating func carryOut(_ change: Change) {
            switch change {
            case .append(let path, let bytes): edit(path) { $0 += bytes }
            case .rewrite(let path, let bytes): edit(path) { $0 = bytes }
            case .replace(let path, let bytes):
                names[path] = nil
                edit(path) { $0 = bytes }
            case .rename(let path, let name): names[name] = names.removeValue(forKey: path)
            }
        }

        mutating func noteRead() {
            guard let (change, reads) = pending else { return }
            guard reads <= 0 else { return pending = (change, reads - 1) }
            pending = nil
            carryOut(change)
        }
    }

    private let state = Guarded(State())

    /// A tree of its own with the same files, as a copied machine has.
    func copy() -> MemoryFolders {
        let copy = MemoryFolders()
        let own = state.withLock { $0 }
        copy.state.withLock { $0 = own }
        return copy
    }

    func append(_ path: String, _ text: String) { carryOut(.append(path, Array(text.utf8))) }

    func carryOut(_ change: Change) { state.withLock { $0.carryOut(change) } }

    /// `change` comes after so many reads of any file, at the latest with `flush`.
    func carryOut(_ change: Change, afterReads reads: Int) {
        flush()
        state.withLock { $0.pending = (change, reads) }
    }

    func flush() {
        state.withLock { state in
            guard let change = state.pending?.change else { return }
            state.pending = nil
            state.carryOut(change)
        }
    }

    /// A symbolic link to a file.
    func link(_ path: String, as name: String) { state.withLock { $0.links[name] = path } }

    func rename(_ path: String, to name: String) { carryOut(.rename(path, name)) }

    func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool) {
        let prefix = path + "/"
        let names = state.withLock { state in
            Set(
                (Array(state.names.keys) + Array(state.links.keys)).filter { $0.hasPrefix(prefix) }.compactMap { file in
                    file.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
                })
        }
        return (names.sorted(), true)
    }

    func facts(_ path: String) -> WalkFacts? {
        state.withLock { state in
            if let inode = state.found(path) { return MemoryFolders.facts(state.inodes[inode] ?? Inode(), inode) }
            let prefix = path + "/"
            guard (Array(state.names.keys) + Array(state.links.keys)).contains(where: { $0.hasPrefix(prefix) }) else {
                return nil
            }
            let inode = path.utf8.reduce(UInt64(14_695_981)) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
            return WalkFacts(kind: .folder, device: 1, inode: inode, bytes: 0, changedMs: 0)
        }
    }

    private static func facts(_ file: Inode, _ inode: UInt64) -> WalkFacts {
        WalkFacts(
            kind: .file, device: 1, inode: inode, bytes: UInt64(file.bytes.count), changedMs: file.changedMs)
    }

    func open(_ path: String) throws(SystemError) -> any TranscriptFile {
        guard let inode = state.withLock({ $0.found(path) }) else { throw SystemError("open", path, number: 2) }
        return File(folders: self, inode: inode)
    }

    func kind(_ path: String) -> ProjectEntry { .nothing }
    func head(_ path: String) -> [UInt8]? { nil }

    private struct File: TranscriptFile {
        let folders: MemoryFolders
        let inode: UInt64

        func facts() throws(SystemError) -> WalkFacts {
            folders.state.withLock { MemoryFolders.facts($0.inodes[inode] ?? Inode(), inode) }
        }

        func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int {
            let part = folders.state.withLock { state in
                state.noteRead()
                let bytes = state.inodes[inode]?.bytes ?? []
                let from = min(Int(clamping: offset), bytes.count)
                return bytes[from..<from + min(room, bytes.count - from)]
            }
            buffer.replaceSubrange(start..<start + part.count, with: part)
            return part.count
        }
    }
}
