import Foundation
import Synchronization
import TallyIO
import Testing

/// Serialized: one of the tests counts this process's inotify descriptors.
@Suite("Folder watch", .serialized) struct FolderWatchTests {
    /// A folder, a watch of one kind on it, and how often it has called.
    private final class Stage: Sendable {
        let root: String
        let calls: Calls
        let watch: FolderWatch
        private let gatheringMs: Int

        final class Calls: Sendable {
            private let count = Mutex(0)
            var value: Int { count.withLock { $0 } }
            func add() { count.withLock { $0 += 1 } }
        }

        init(_ kind: FolderWatchKind, gatheringMs: Int = 20, foldersMax: Int = 100) throws {
            root = NSTemporaryDirectory() + "tally-watch-" + UUID().uuidString
            self.gatheringMs = gatheringMs
            let calls = Calls()
            self.calls = calls
            let bounds = FolderWatch.Bounds(
                gathering: .milliseconds(gatheringMs), period: .milliseconds(50), foldersMax: foldersMax)
            watch = FolderWatch(kind, bounds) { calls.add() }
            try make("")
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        func path(_ name: String) -> String { name.isEmpty ? root : root + "/" + name }

        func make(_ folder: String) throws {
            try FileManager.default.createDirectory(atPath: path(folder), withIntermediateDirectories: true)
        }

        func append(_ text: String, to name: String) throws {
            if !FileManager.default.fileExists(atPath: path(name)) {
                #expect(FileManager.default.createFile(atPath: path(name), contents: nil))
            }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path(name)))
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        }

        /// Watches, and waits until what that set off has been told: after it, a kernel's watch is silent.
        func settle(_ folders: [String], roots: [String] = []) -> SystemError? {
            let trouble = watch.watch(folders.map(path), roots: roots.map(path))
            var last = -1
            while last != calls.value, watch.kind != .timer {
                last = calls.value
                usleep(UInt32(gatheringMs + 300) * 1_000)
            }
            return trouble
        }

        /// Whether it calls within 10 s after `action`.
        func isTold(_ action: () throws -> Void) rethrows -> Bool {
            let before = calls.value
            try action()
            return waits { calls.value > before }
        }
    }

    private static func waits(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1_000 {
            if condition() { return true }
            usleep(10_000)
        }
        return condition()
    }

    @Test(
        "A new file, an appended line, a rename into place, a removal and a new folder with a file in it are told",
        arguments: FolderWatchKind.allCases)
    func changes(_ kind: FolderWatchKind) throws {
        let stage = try Stage(kind)
        #expect(stage.settle([""]) == nil)
        #expect(stage.watch.kind == kind)
        #expect(try stage.isTold { try stage.append("", to: "a.jsonl") })
        _ = stage.settle([""])
        #expect(try stage.isTold { try stage.append("line\n", to: "a.jsonl") })
        _ = stage.settle([""])
        #expect(
            try stage.isTold {
                try FileManager.default.moveItem(atPath: stage.path("a.jsonl"), toPath: stage.path("b.jsonl"))
            })
        _ = stage.settle([""])
        #expect(try stage.isTold { try FileManager.default.removeItem(atPath: stage.path("b.jsonl")) })
        _ = stage.settle([""])
        #expect(try stage.isTold { try stage.make("sub") })
        // A file made before the owner has told of the folder is told when it does.
        try stage.append("line\n", to: "sub/c.jsonl")
        #expect(stage.isTold { _ = stage.watch.watch([stage.path(""), stage.path("sub")], roots: []) })
        _ = stage.settle(["", "sub"])
        #expect(try stage.isTold { try stage.append("line\n", to: "sub/c.jsonl") })
    }

    @Test("A root that is missing is told of when it appears, folder by folder", arguments: FolderWatchKind.allCases)
    func missingRoot(_ kind: FolderWatchKind) throws {
        let stage = try Stage(kind)
        #expect(stage.settle([], roots: ["x/y"]) == nil)
        #expect(try stage.isTold { try stage.make("x") })
        _ = stage.settle([], roots: ["x/y"])
        #expect(try stage.isTold { try stage.make("x/y") })
        _ = stage.settle(["x/y"], roots: ["x/y"])
        #expect(try stage.isTold { try stage.append("line\n", to: "x/y/a.jsonl") })
    }

    @Test("A folder removed and made anew under its name is watched again", arguments: FolderWatchKind.allCases)
    func madeAnew(_ kind: FolderWatchKind) throws {
        let stage = try Stage(kind)
        try stage.make("x")
        _ = stage.settle(["", "x"])
        #expect(try stage.isTold { try FileManager.default.removeItem(atPath: stage.path("x")) })
        try stage.make("x")
        _ = stage.settle(["", "x"])
        #expect(try stage.isTold { try stage.append("line\n", to: "x/a.jsonl") })
    }

    @Test("Nothing is called once it is gone", arguments: FolderWatchKind.allCases)
    func gone(_ kind: FolderWatchKind) throws {
        var stage: Stage? = try Stage(kind)
        let calls = try #require(stage?.calls)
        let root = try #require(stage?.root)
        _ = stage?.settle([""])
        // Lets go in the middle of a gathering.
        try stage?.append("line\n", to: "a.jsonl")
        weak let watch = stage?.watch
        stage = nil
        #expect(watch == nil)
        usleep(100_000)
        let before = calls.value
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        usleep(300_000)
        try FileManager.default.removeItem(atPath: root)
        #expect(calls.value == before)
    }

    #if os(Linux)
    @Test("Thousands of writes are a few calls, and nothing is told while nothing happens")
    func coalesces() throws {
        let stage = try Stage(.inotify, gatheringMs: 200)
        _ = stage.settle([""])
        let before = stage.calls.value
        let began = ContinuousClock.now
        for number in 0..<5_000 { try stage.append("line\n", to: "\(number % 7).jsonl") }
        let took = began.duration(to: .now)
        #expect(Self.waits { stage.calls.value > before })
        _ = stage.settle([""])
        let calls = stage.calls.value - before
        #expect(calls <= Int(took / .milliseconds(200)) + 2, "\(calls) calls in \(took)")
        let quiet = stage.calls.value
        usleep(900_000)
        #expect(stage.calls.value == quiet)
    }

    @Test("More changes than the kernel's queue holds are told, and the watch goes on")
    func overflow() throws {
        let text = try String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
        let room = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        try #require(room <= 100_000, "a queue of the usual length")
        // Nothing is read while the changes are gathered, so the queue overflows.
        let stage = try Stage(.inotify, gatheringMs: 1_000)
        let trouble = stage.watch.watch([stage.root], roots: [])
        #expect(trouble == nil)
        #expect(Self.waits { stage.calls.value == 1 }, "the new folder")
        let (one, other) = (stage.path("one"), stage.path("other"))
        #expect(FileManager.default.createFile(atPath: one, contents: nil))
        // A rename is two events, and renames are never merged.
        for turn in 0...(room / 2) {
            let (from, to) = turn % 2 == 0 ? (one, other) : (other, one)
            // Both paths live through the call.
            let status = unsafe rename(from, to)
            #expect(status == 0)
        }
        #expect(Self.waits { stage.calls.value >= 2 })
        #expect(stage.watch.kind == .inotify)
        let before = stage.calls.value
        usleep(1_500_000)
        #expect(try stage.isTold { try stage.append("line\n", to: "a.jsonl") }, "\(before)")
    }

    @Test("Changes outside the watched folders, and files above a missing root, are not told")
    func silence() throws {
        let stage = try Stage(.inotify)
        for folder in ["in", "out"] { try stage.make(folder) }
        _ = stage.settle(["in"], roots: ["in", "out/missing"])
        let before = stage.calls.value
        try stage.append("line\n", to: "out/a.jsonl")
        try stage.append("line\n", to: "b.jsonl")
        usleep(300_000)
        #expect(stage.calls.value == before)
        // No longer watched once it is left out.
        _ = stage.settle([], roots: ["out/missing"])
        let left = stage.calls.value
        try stage.append("line\n", to: "in/a.jsonl")
        usleep(300_000)
        #expect(stage.calls.value == left)
    }

    @Test("With more folders than may be watched it says so once, and goes on by the clock")
    func limit() throws {
        let stage = try Stage(.inotify, foldersMax: 2)
        for folder in ["a", "b"] { try stage.make(folder) }
        #expect(stage.settle(["", "a"]) == nil)
        let trouble = stage.watch.watch(["", "a", "b"].map(stage.path), roots: [])
        #expect(trouble?.isNoSpace == true)
        #expect(stage.watch.kind == .timer)
        #expect(stage.watch.watch(["", "a", "b"].map(stage.path), roots: []) == nil)
        #expect(try stage.isTold { try stage.append("line\n", to: "b/a.jsonl") })
        #expect(Self.waits { Self.inotifyDescriptors() == 0 })
    }

    @Test("A hundred watches that came and went leave no descriptor open")
    func leaks() throws {
        for _ in 0..<100 {
            let stage = try Stage(.inotify)
            _ = stage.watch.watch([stage.root], roots: [])
            try stage.append("line\n", to: "a.jsonl")
        }
        #expect(Self.waits { Self.inotifyDescriptors() == 0 })
    }

    private static func inotifyDescriptors() -> Int {
        let folder = "/proc/self/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)
            return target?.contains("inotify") == true
        }
    }
    #endif
}
