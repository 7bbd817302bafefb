import Foundation
import TallyIO
import Testing

/// A folder of the test's own under the system's temporary one, removed at the end.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "tally-" + UUID().uuidString
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct FileTests {
    @Test("Missing folders are made 0700 and new files 0600, and both are found again")
    func creation() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path + "/a/b")
        #expect(try Directory.open(temporary.path + "/a").facts("b").mode == 0o700)
        let file = try directory.create("x")
        try file.write([1, 2, 3].span, at: 2)
        try file.sync()
        let facts = try directory.facts("x")
        #expect(facts.mode == 0o600 && facts.bytes == 5 && facts.kind == .file)
        #expect(try file.facts().inode == facts.inode)
        #expect(try directory.readWhole("x", limit: 5) == [0, 0, 1, 2, 3])
        #expect(try directory.list() == ["x"])
        #expect(throws: SystemError.self) { try directory.create("x") }
    }

    @Test("A file over the limit is refused, not cut")
    func limit() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        try directory.writeDurably("x", [1, 2, 3].span)
        #expect(throws: SystemError.self) { try directory.readWhole("x", limit: 2) }
        #expect(try directory.readWhole("x", limit: 3) == [1, 2, 3])
    }

    @Test("A durable write replaces the whole file and leaves nothing else behind, stale beginnings included")
    func durableWrite() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        _ = try directory.create("x.new")
        for content: [UInt8] in [[1, 2, 3], [], [9]] {
            try directory.writeDurably("x", content.span)
            #expect(try directory.readWhole("x", limit: 10) == content)
            #expect(try directory.list() == ["x"])
        }
    }

    @Test("A name that is missing says so, and a symbolic link is no folder of ours")
    func missingAndLinks() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        do throws(SystemError) {
            _ = try directory.open("none", .read)
            Issue.record("opened what is not there")
        } catch { #expect(error.isNotFound) }
        try FileManager.default.createSymbolicLink(atPath: temporary.path + "/link", withDestinationPath: "/")
        #expect(throws: SystemError.self) { try directory.openDirectory("link") }
        #expect(try directory.facts("link").kind == .symbolicLink)
    }

    @Test("A file under a symbolic link is not opened, made or read, but where a person may have put the link")
    func linkedFiles() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        try directory.writeDurably("target", [1, 2].span)
        for (link, target) in [("link", "target"), ("dangling", "nowhere")] {
            try FileManager.default.createSymbolicLink(
                atPath: temporary.path + "/" + link, withDestinationPath: temporary.path + "/" + target)
            #expect(throws: SystemError.self) { try directory.open(link, .read) }
            #expect(throws: SystemError.self) { try directory.open(link, .write) }
            #expect(throws: SystemError.self) { try directory.openOrCreate(link) }
            #expect(throws: SystemError.self) { try directory.create(link) }
            #expect(throws: SystemError.self) { try directory.readWhole(link, limit: 10) }
        }
        #expect(try directory.readWhole("link", limit: 10, follows: true) == [1, 2])
        #expect(throws: SystemError.self) { try directory.readWhole("dangling", limit: 10, follows: true) }
        #expect(try directory.list() == ["dangling", "link", "target"], "nothing was made through a link")
        // What is written durably takes the link's place.
        try directory.writeDurably("link", [3].span)
        #expect(try directory.readWhole("link", limit: 10) == [3])
        #expect(try directory.readWhole("target", limit: 10) == [1, 2])
    }

    @Test("The buffered reader shows every byte once, whatever its buffer and the steps are")
    func bufferedReader() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        let content = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try directory.writeDurably("x", content.span)
        for (chunk, step) in [(1, 1), (7, 3), (16, 16), (10, 64), (4_096, 999)] {
            var reader = FileReader(try directory.open("x", .read), from: 5, chunkBytes: chunk)
            var seen: [UInt8] = []
            while true {
                let count = min(step, try reader.fill(step))
                if count == 0 { break }
                reader.withBytes(count) { seen.append(copying: $0) }
                reader.skip(count)
            }
            #expect(seen == Array(content[5...]), "chunk \(chunk), step \(step)")
            #expect(reader.offset == 1_000)
        }
    }

    @Test("A second owner of a folder is refused and told the first one's process number, until that one goes")
    func lock() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        func holdAndTry() throws -> FileLock.Refusal? {
            let held = try FileLock.take(in: directory)
            var refusal: FileLock.Refusal?
            do throws(FileLock.Refusal) { _ = try FileLock.take(in: directory) } catch { refusal = error }
            _ = consume held
            return refusal
        }
        #expect(
            try holdAndTry() == .held(path: temporary.path, owner: ProcessInfo.processInfo.processIdentifier))
        #expect(try holdAndTry() != nil, "the first lock went with its owner, so that it could be taken again")
    }

    @Test("The file system under a folder has a name and room, and a barrier over it succeeds")
    func fileSystem() throws {
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(temporary.path)
        let facts = try FileSystemFacts.under(directory)
        #expect(!facts.name.isEmpty && facts.totalBytes >= facts.freeBytes && facts.freeBytes > 0)
        if let barrier = try FileSystemBarrier.open(on: directory) { try barrier.sync() }
    }

    @Test("The wall clock is Foundation's, and the other one never goes back")
    func clocks() {
        #expect(abs(Double(WallClock.nowMs()) - Date().timeIntervalSince1970 * 1_000) < 2_000)
        var last = MonotonicClock.nowNanoseconds()
        for _ in 0..<1_000 {
            let now = MonotonicClock.nowNanoseconds()
            #expect(now >= last)
            last = now
        }
    }

    @Test("Integers stand in bytes least significant first, and come back from any offset")
    func integers() {
        var bytes: [UInt8] = [9]
        bytes.append(littleEndian: UInt32(0x0102_0304))
        bytes.append(littleEndian: Int64(-2))
        #expect(bytes.prefix(5) == [9, 4, 3, 2, 1])
        #expect(bytes.span.littleEndian(UInt32.self, at: 1) == 0x0102_0304)
        #expect(bytes.span.littleEndian(Int64.self, at: 5) == -2)
    }
}

/// Whether a folder's file system takes direct writes at all is not asked: what is read must be the same.
@Suite("Appends past the page cache")
struct DirectAppendTests {
    @Test(
        "What is appended past the cache is what is read, in pieces of any size, between zeros and after a reopening",
        arguments: 0..<6)
    func appends(seed: UInt64) throws {
        var random = Seeded(seed)
        let temporary = TemporaryFolder()
        let directory = try Directory.openOrMake(
            seed % 3 == 0 ? "/dev/shm/tally-direct-\(getpid())-\(seed)" : temporary.path)
        defer { if seed % 3 == 0 { try? FileManager.default.removeItem(atPath: directory.path) } }
        var model = (0..<Int(random.next() % 10_000)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var file = try directory.create("x")
        try file.write(model.span, at: 0)
        var zerosTo = model.count
        file.bypassCache(from: model.count)
        for turn in 0..<24 {
            let sizes: [UInt64] = [1, 40, 5_000, 90_000]
            let size = turn == 11 ? 1_300_000 : Int(random.next() % sizes[min(turn % 5, 3)]) + 1
            let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ turn) | 1 }
            if model.count + size > zerosTo {
                try file.writeZeros(at: model.count + size, count: 65_536)
                zerosTo = model.count + size + 65_536
            }
            try file.write(piece.span, at: model.count)
            model += piece
            switch random.next() % 8 {
            case 0: try file.sync()
            case 1:
                file = try directory.open("x", .write)
                file.bypassCache(from: model.count)
            case 2:
                // Elsewhere than at the end: that ends it, and is written all the same.
                let at = Int(random.next() % UInt64(model.count))
                try file.write([250].span, at: at)
                model[at] = 250
            default: break
            }
            guard turn % 8 == 7 else { continue }
            let read = try directory.readWhole("x", limit: 1 << 30)
            #expect(read.count >= model.count, "seed \(seed), turn \(turn)")
            #expect(Array(read.prefix(model.count)) == model, "seed \(seed), turn \(turn)")
            #expect(Array(read.dropFirst(model.count)) == [UInt8](repeating: 0, count: read.count - model.count))
        }
        try file.truncate(to: model.count)
        #expect(try directory.readWhole("x", limit: 1 << 30) == model)
    }

    private struct Seeded {
        private var state: UInt64
        init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
