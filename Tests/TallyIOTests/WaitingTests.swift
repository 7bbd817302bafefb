import TallyIO
import TallyModel
import Testing

/// What a program has that waits on its own thread: the poller, processor time, small requests.
@Suite("Waiting on a thread of one's own")
struct WaitingTests {
    private func loopback() throws -> SocketAddress {
        let place = try #require(HostPort("127.0.0.1:0"))
        return try #require(SocketAddress(literal: place))
    }

    @Test("The poller tells of what is ready by its number, and else returns when the time is over")
    func poller() throws {
        let poller = try WaitingPoller()
        let listener = try Sockets.listen(on: try loopback())
        try poller.add(listener.raw, as: 41, interest: .read)
        #expect(poller.wait(atMost: 1_000_000) { _, _ in } == 0)
        let client = try Sockets.connect(to: try Sockets.localAddress(of: listener))
        try poller.add(client.raw, as: 42, interest: .write)
        var seen: [Int: Readiness] = [:]
        for _ in 0..<1_000 where seen.count < 2 {
            poller.wait(atMost: 10_000_000) { number, readiness in seen[number] = readiness }
        }
        #expect(seen == [41: .read, 42: .write])
        try poller.change(client.raw, as: 42, to: [])
        seen = [:]
        poller.wait(atMost: 0) { number, readiness in seen[number] = readiness }
        #expect(seen == [41: .read], "what is asked for no more is told no more")
    }

    @Test("A process's time grows with its work, and a process that is not there has none")
    func processTime() throws {
        let before = ProcessTime.ownNanoseconds()
        var sum: UInt64 = 0
        while ProcessTime.ownNanoseconds() - before < 5_000_000 { sum &+= before &* 31 }
        #expect(sum != 1)
        // The first process of any machine.
        #expect(ProcessTime.nanoseconds(of: 1) != nil)
        #expect(ProcessTime.nanoseconds(of: .max) == nil)
    }

    @Test("A request is written and its answer read over a blocking connection")
    func blocking() throws {
        let listener = try Sockets.listen(on: try loopback())
        let client = try BlockingConnection.connect(to: try Sockets.localAddress(of: listener), timeoutMs: 5_000)
        guard let server = try BlockingConnection.accept(from: listener, timeoutMs: 5_000) else {
            Issue.record("no connection came")
            return
        }
        try client.write([1, 2, 3], timeoutMs: 5_000)
        var bytes: [UInt8] = []
        while bytes.count < 3, try server.read(upTo: 16, into: &bytes, timeoutMs: 5_000) {}
        #expect(bytes == [1, 2, 3])
    }

    @Test("Connecting where nobody listens is an error")
    func nobody() throws {
        let address: SocketAddress
        do {
            let listener = try Sockets.listen(on: try loopback())
            address = try Sockets.localAddress(of: listener)
        }
        #expect(throws: SystemError.self) { _ = try BlockingConnection.connect(to: address, timeoutMs: 1_000) }
    }
}
