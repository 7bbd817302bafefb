import Foundation
import Synchronization
import TallyIO
import TallyModel
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Values that a shard's blocks leave for the test.
final class Notes: Sendable {
    private let values = Guarded<[Int]>([])
    let changed = DispatchSemaphore(value: 0)
    func add(_ value: Int) {
        values.withLock { $0.append(value) }
        changed.signal()
    }
    var all: [Int] { values.withLock { $0 } }
    /// False after five seconds without so many notes.
    func wait(for count: Int) -> Bool {
        while all.count < count {
            if changed.wait(timeout: .now() + 5) == .timedOut { return all.count >= count }
        }
        return true
    }
}

final class Counter: ReadyHandler, ShardResident {
    let notes: Notes
    var onReady: (Readiness) -> Void = { _ in }
    init(_ notes: Notes) { self.notes = notes }
    func ready(_ readiness: Readiness) { onReady(readiness) }
}

final class RoundCounter: RoundEndHandler {
    let notes: Notes
    let loop: ShardLoop
    var again: Int
    init(_ notes: Notes, loop: ShardLoop, again: Int) {
        self.notes = notes
        self.loop = loop
        self.again = again
    }
    func roundEnded() {
        notes.add(again)
        again -= 1
        if again > 0 { loop.atRoundEnd(self) }
    }
}

@Suite("Shards", .serialized) struct ShardTests {
    /// A connected pair over loopback, never blocking, to be closed by whoever takes it.
    static func pair() throws -> (near: CInt, far: CInt) {
        let listener = try Sockets.listen(on: .v4(0x7F00_0001, port: 0))
        let near = try Sockets.connect(to: try Sockets.localAddress(of: listener))
        for _ in 0..<1_000 {
            switch Sockets.accept(from: listener.raw) {
            case .connection(let far, _): return (near.release(), far.release())
            case .none: usleep(1_000)
            case .exhausted: throw SystemError("accept")
            case .failed(let error): throw error
            }
        }
        throw SystemError("accept")
    }

    @Test("A descriptor is reported while it is readable, not after it is removed", arguments: PollerKind.allCases)
    func level(kind: PollerKind) throws {
        let shard = try Shard(name: "level", poller: kind)
        let notes = Notes()
        let (nearRaw, farRaw) = try ShardTests.pair()
        shard.sync { loop in
            let counter = Counter(notes)
            let watch = try? loop.watch(Descriptor(taking: farRaw), for: .read, counter)
            counter.onReady = { readiness in
                var byte: UInt8 = 0
                let got = unsafe recv(farRaw, &byte, 1, 0)
                notes.add(got == 1 ? Int(byte) : -1)
                // One byte at each call: the level must be reported again for the rest.
                if byte == 3, let watch { loop.remove(watch) }
            }
        }
        let sent = unsafe send(nearRaw, [1, 2, 3, 4] as [UInt8], 4, 0)
        #expect(sent == 4)
        #expect(notes.wait(for: 3))
        #expect(shard.sync { $0.watchCount } == 0)
        usleep(20_000)
        #expect(notes.all == [1, 2, 3])
        close(nearRaw)
    }

    @Test("Write interest is reported when asked for, and a changed interest is obeyed", arguments: PollerKind.allCases)
    func interest(kind: PollerKind) throws {
        let shard = try Shard(name: "interest", poller: kind)
        let notes = Notes()
        let (nearRaw, farRaw) = try ShardTests.pair()
        shard.sync { loop in
            let counter = Counter(notes)
            let watch = try? loop.watch(Descriptor(taking: farRaw), for: [], counter)
            counter.onReady = { readiness in
                notes.add(Int(readiness.rawValue))
                if let watch { try? loop.change(watch, to: []) }
            }
            if let watch { try? loop.change(watch, to: .write) }
        }
        #expect(notes.wait(for: 1))
        usleep(20_000)
        #expect(notes.all == [Int(Readiness.write.rawValue)])
        close(nearRaw)
    }

    @Test("Timers fire in the order of their deadlines, and a cancelled one never", arguments: PollerKind.allCases)
    func timers(kind: PollerKind) throws {
        let shard = try Shard(name: "timers", poller: kind)
        let notes = Notes()
        shard.sync { loop in
            for delay in [40, 10, 30, 20] { _ = loop.after(.milliseconds(delay)) { notes.add(delay) } }
            let cancelled = loop.after(.milliseconds(15)) { notes.add(-1) }
            loop.cancel(cancelled)
        }
        #expect(notes.wait(for: 4))
        #expect(notes.all == [10, 20, 30, 40])
        #expect(shard.sync { $0.timerCount } == 0)
    }

    @Test("Ten thousand timers set and cancelled leave nothing behind")
    func timerLeftovers() throws {
        let shard = try Shard(name: "leftovers")
        let left = shard.sync { loop in
            for round in 0..<10_000 {
                let timer = loop.after(.seconds(round % 60 + 1)) {}
                loop.cancel(timer)
            }
            return loop.timerCount
        }
        #expect(left == 0)
    }

    @Test("What asks for the end of the round is called then, and again if it asks again")
    func roundEnd() throws {
        let shard = try Shard(name: "round")
        let notes = Notes()
        shard.sync { loop in
            loop.atRoundEnd(RoundCounter(notes, loop: loop, again: 40))
            notes.add(-1)
        }
        #expect(notes.wait(for: 41))
        #expect(notes.all.first == -1)
        #expect(notes.all.last == 1)
    }

    @Test("A reference reaches its resident from another queue, and nobody once it has left")
    func residents() throws {
        let shard = try Shard(name: "residents")
        let notes = Notes()
        let reference = shard.sync { loop in loop.reside(Counter(notes)) }
        reference.async { counter in counter.notes.add(7) }
        #expect(notes.wait(for: 1))
        shard.sync { loop in loop.leave(reference) }
        reference.async { counter in counter.notes.add(8) }
        shard.sync { _ in }
        #expect(notes.all == [7])
    }

    @Test("A stale watch id touches nothing, also after its slot is used again", arguments: PollerKind.allCases)
    func staleWatch(kind: PollerKind) throws {
        let shard = try Shard(name: "stale", poller: kind)
        let raws = try ShardTests.pair()
        let counts = shard.sync { loop in
            let counter = Counter(Notes())
            guard let first = try? loop.watch(Descriptor(taking: raws.near), for: .read, counter) else { return [-1] }
            loop.remove(first)
            guard let second = try? loop.watch(Descriptor(taking: raws.far), for: .read, counter) else { return [-2] }
            loop.remove(first)
            let kept = loop.watchCount
            loop.remove(second)
            return [kept, loop.watchCount]
        }
        #expect(counts == [1, 0])
    }
}
