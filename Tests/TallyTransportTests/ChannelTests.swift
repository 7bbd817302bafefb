import Foundation
import Synchronization
import TallyIO
import TallyModel
import TallyTLS
import TallyTransport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("Channels", .serialized) struct ChannelTests {
    @Test("What is sent comes back, through either poller", arguments: PollerKind.allCases)
    func echo(kind: PollerKind) throws {
        let rig = try Rig(kind)
        let answers = Log<[UInt8]>()
        let log = try rig.dial { handler, _ in
            handler.onOpened = { channel in channel.send(Array("hello".utf8)) }
            handler.onReceived = { bytes, channel in
                guard bytes.count >= 5 else { return 0 }
                answers.add((0..<bytes.count).map { bytes[$0] })
                channel.close()
                return bytes.count
            }
        }
        #expect(answers.wait() == [Array("hello".utf8)])
        #expect(log.wait(for: 2) == [.opened, .closed(.requested)])
        #expect(rig.serverLog.wait(for: 3) == [.opened, .peerFinished, .closed(.peerFinished)])
        #expect(eventually { rig.count.current == 0 })
    }

    /// The client sends `total` bytes in odd pieces as the queue allows; the server echoes, and pauses reading
    /// while its own queue is high. Every byte must come back in order.
    @Test("Eight megabytes in odd pieces come back whole although both sides slow down", arguments: PollerKind.allCases)
    func largeWithBackpressure(kind: PollerKind) throws {
        let seed: UInt64 = 20_261_123
        print("seed \(seed)")
        let total = 8 << 20
        let data = pattern(total, seed: seed)
        let rig = try Rig(kind, settings: Rig.settings(sendBytesMax: 300_000, sendBytesLow: 50_000)) { log in
            let handler = Scripted(log)
            handler.onReceived = { bytes, channel in
                channel.send(bytes)
                if channel.sendQueueBytes > 100_000 { channel.pauseReading() }
                return bytes.count
            }
            handler.onDrained = { $0.resumeReading() }
            return handler
        }
        let done = Log<Int>()
        let log = try rig.dial { handler, _ in
            let pump = Pump(data: data, done: done)
            handler.onOpened = { pump.push($0) }
            handler.onDrained = { pump.push($0) }
            handler.onReceived = { bytes, channel in pump.check(bytes, channel) }
        }
        #expect(done.wait(seconds: 60) == [total])
        #expect(log.wait(for: 2).last == .closed(.requested))
    }

    @Test("A handler that consumes in pieces is shown the rest again with what follows")
    func partialConsumption() throws {
        // The server takes whole units of 1,000 bytes only, and answers each with one byte.
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onReceived = { bytes, channel in
                // Where the machine is busy two come at once, and the second is not shown again without more behind it.
                let units = bytes.count / 1_000
                for unit in 0..<units { channel.send([bytes[unit * 1_000]]) }
                return units * 1_000
            }
            return handler
        }
        let answers = Log<UInt8>()
        try rig.dial { handler, loop in
            handler.onOpened = { channel in
                for unit in 0..<20 {
                    // Each unit in three uneven pieces, a round apart.
                    for (piece, size) in [1, 332, 667].enumerated() {
                        _ = loop.after(.milliseconds(unit * 6 + piece * 2)) {
                            channel.send([UInt8](repeating: UInt8(unit), count: size))
                        }
                    }
                }
            }
            handler.onReceived = { bytes, _ in
                for index in 0..<bytes.count { answers.add(bytes[index]) }
                return bytes.count
            }
        }
        #expect(answers.wait(for: 20) == (0..<20).map { UInt8($0) })
    }

    @Test("A peer whose handler consumes nothing ends when the receive buffer is full")
    func receiveBound() throws {
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onReceived = { _, _ in 0 }
            return handler
        }
        try rig.dial { handler, _ in handler.onOpened = { $0.send(pattern(200_000, seed: 1)) } }
        #expect(rig.serverLog.wait(for: 2) == [.opened, .closed(.receiveBufferFull)])
    }

    @Test("A peer that does not read ends the channel when the send queue is full, and is told nothing more")
    func sendBound() throws {
        let rig = try Rig(settings: Rig.settings(sendBytesMax: 100_000)) { log in
            let handler = Scripted(log)
            handler.onOpened = { $0.pauseReading() }
            return handler
        }
        let results = Log<Bool>()
        let log = try rig.dial { handler, loop in
            handler.onOpened = { channel in
                let piece = [UInt8](repeating: 7, count: 50_000)
                // Kernel buffers take some megabytes; then the queue fills.
                for step in 0..<2_000 {
                    _ = loop.after(.microseconds(step * 100)) { results.add(channel.send(piece)) }
                }
            }
        }
        #expect(log.wait(for: 2) == [.opened, .closed(.sendQueueFull)])
        #expect(results.wait(for: 2_000).last == false)
    }

    @Test("Frames sent in one round travel together, and all of them before the farewell")
    func closeFlushes() throws {
        let received = Log<Int>()
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onReceived = { bytes, _ in
                received.add(bytes.count)
                return bytes.count
            }
            return handler
        }
        let log = try rig.dial { handler, _ in
            handler.onOpened = { channel in
                for _ in 0..<1_000 { channel.send([UInt8](repeating: 1, count: 60)) }
                channel.close()
                #expect(!channel.send([1]))
            }
        }
        #expect(log.wait(for: 2) == [.opened, .closed(.requested)])
        #expect(rig.serverLog.wait(for: 3).last == .closed(.peerFinished))
        #expect(received.all.reduce(0, +) == 60_000)
        #expect(received.all.count < 20, "coalesced into records, not one for each frame")
    }

    @Test("A peer that has finished may still be answered")
    func halfOpen() throws {
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onPeerFinished = { channel in
                channel.send(Array("last".utf8))
                channel.close(.peerFinished)
            }
            return handler
        }
        let socket = try Plain(to: rig.listener.address)
        var session = try rig.trust.client().session(on: socket.raw, host: "127.0.0.1")
        var isShaking = true
        while isShaking {
            switch session.handshake() {
            case .done: isShaking = false
            case .wantRead: socket.waitUntil(POLLIN)
            case .wantWrite: socket.waitUntil(POLLOUT)
            case .failed(let failure): throw failure
            }
        }
        #expect(session.finishWriting() == .done)
        socket.waitUntil(POLLIN)
        var heard = [UInt8](repeating: 0, count: 100)
        let moved = session.read(into: &heard, from: 0, upTo: heard.count)
        #expect(moved == .moved(4))
        #expect(Array(heard.prefix(4)) == Array("last".utf8))
        #expect(rig.serverLog.wait(for: 3) == [.opened, .peerFinished, .closed(.peerFinished)])
    }

    @Test("A peer that is cut off while reading is paused ends the channel instead of spinning")
    func resetWhilePaused() throws {
        #if os(Linux)
        let rig = try Rig(.epoll) { log in
            let handler = Scripted(log)
            handler.onOpened = { $0.pauseReading() }
            return handler
        }
        let socket = try Plain(to: rig.listener.address)
        var session = try rig.trust.client().session(on: socket.raw, host: "127.0.0.1")
        while session.handshake() != .done { socket.waitUntil(POLLIN) }
        #expect(rig.serverLog.wait() == [.opened])
        socket.resetOnClose()
        _ = consume socket
        #expect(rig.serverLog.wait(for: 2) == [.opened, .closed(.reset)])
        #endif
    }

    @Test("Last words reach a peer that was still sending when it was refused")
    func lastWords() throws {
        let words = Array("go away".utf8)
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onReceived = { bytes, channel in
                channel.send(words)
                channel.close(.refused)
                return bytes.count
            }
            return handler
        }
        let flood = pattern(900_000, seed: 3)
        for _ in 0..<20 {
            let heard = Log<[UInt8]>()
            let log = try rig.dial { handler, _ in
                handler.onOpened = { $0.send(flood) }
                handler.onReceived = { bytes, _ in
                    heard.add((0..<bytes.count).map { bytes[$0] })
                    return bytes.count
                }
            }
            #expect(heard.wait() == [words])
            #expect(log.wait(for: 3) == [.opened, .peerFinished, .closed(.peerFinished)])
        }
    }

    @Test("Closed is heard once, however often and wherever it is asked for", arguments: PollerKind.allCases)
    func closedOnce(kind: PollerKind) throws {
        let rig = try Rig(kind)
        let log = try rig.dial { handler, _ in
            handler.onOpened = { channel in channel.send([1]) }
            handler.onReceived = { bytes, channel in
                channel.close(.idle)
                channel.abort(.refused)
                channel.close()
                return bytes.count
            }
        }
        #expect(log.wait(for: 2) == [.opened, .closed(.idle)])
        _ = rig.serverLog.wait(for: 2)
        usleep(50_000)
        #expect(log.all.count == 2)
        #expect(
            rig.serverLog.all.filter { if case .closed = $0 { true } else { false } }.count == 1)
    }

    @Test("Five hundred connections opened and closed leave no descriptor behind", arguments: PollerKind.allCases)
    func noLeaks(kind: PollerKind) throws {
        let rig = try Rig(kind)
        let client = try rig.trust.client()
        let log = Log<Seen>()
        func burst(_ count: Int) throws {
            let before = log.all.count
            for _ in 0..<count {
                try rig.dial(tls: client, log: log) { handler, _ in handler.onOpened = { $0.close() } }
            }
            #expect(log.wait(for: before + 2 * count, seconds: 300).count == before + 2 * count)
            #expect(eventually { rig.count.current == 0 })
        }
        let before = try openDescriptors()
        for _ in 0..<5 { try burst(100) }
        #expect(log.all.count { $0 == .opened } == 500)
        #expect(log.all.count { $0 == .closed(.requested) } == 500)
        // One descriptor lost by either side of each connection would be 500.
        #expect(try eventually { try openDescriptors() < before + 250 })
        #expect(rig.shards.map { shard in shard.sync { $0.watchCount } } == [1, 0])
        #expect(rig.clientShard.sync { $0.watchCount } == 0)
        #expect(rig.clientShard.sync { $0.timerCount } == 0)
    }
}

/// Sends `data` in odd pieces as the queue allows, and checks what comes back against it.
final class Pump {
    private let data: [UInt8]
    private let done: Log<Int>
    private var sent = 0
    private var checked = 0
    private var step = 0

    init(data: [UInt8], done: Log<Int>) {
        self.data = data
        self.done = done
    }

    func push(_ channel: SecureChannel) {
        while sent < data.count, channel.sendQueueBytes < 150_000 {
            step += 1
            let size = min(data.count - sent, 1 + step * 7_919 % 40_000)
            channel.send(Array(data[sent..<(sent + size)]))
            sent += size
        }
    }

    func check(_ bytes: Span<UInt8>, _ channel: SecureChannel) -> Int {
        for index in 0..<bytes.count where bytes[index] != data[checked + index] {
            done.add(-(checked + index))
            channel.close()
            return bytes.count
        }
        checked += bytes.count
        if checked == data.count {
            done.add(checked)
            channel.close()
        }
        return bytes.count
    }
}
