import Foundation
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

@Suite("Refusals", .serialized) struct RefusalTests {
    struct Server: Sendable, CustomTestStringConvertible {
        let name: String
        let arguments: [String]
        let failure: TLSFailure
        var testDescription: String { name }
    }

    static let servers: [Server] = [
        Server(name: "no ALPN", arguments: ["-tls1_3"], failure: .applicationProtocol),
        Server(name: "another ALPN", arguments: ["-tls1_3", "-alpn", "h2"], failure: .applicationProtocol),
        Server(name: "TLS 1.2", arguments: ["-tls1_2", "-alpn", "tallygate/1"], failure: .protocolVersion),
    ]

    @Test("A server that speaks something else is left, with the reason", arguments: servers)
    func wrongServer(_ server: Server) throws {
        guard let program = RefusalTests.openssl else { return }
        let rig = try Rig()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pem")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(rig.trust.server.certificate + rig.trust.server.key).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments =
            ["s_server", "-accept", "127.0.0.1:0", "-cert", file.path, "-key", file.path]
            + server.arguments
        let output = Pipe()
        process.standardInput = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            // The child inherits the signal mask of this thread, which may hold back a gentler signal.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        // It prints "ACCEPT 127.0.0.1:PORT" once it listens.
        var text = ""
        while !text.contains("ACCEPT") || !text.hasSuffix("\n") {
            let piece = output.fileHandleForReading.availableData
            if piece.isEmpty { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        let line = try #require(text.split(separator: "\n").last { $0.hasPrefix("ACCEPT") })
        let port = try #require(UInt16(line.split(separator: ":").last ?? ""))
        let log = try rig.dial(HostPort(host: "127.0.0.1", port: port))
        #expect(log.wait() == [.failed(.tls(server.failure, .v4(0x7F00_0001, port: port)))])
    }

    static let openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl"].first(
        where: FileManager.default.isExecutableFile)

    /// Runs `openssl s_client` against `port`; nil if there is no openssl program.
    private func client(_ arguments: [String], port: UInt16) throws -> (status: Int32, output: String)? {
        guard let program = RefusalTests.openssl else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }

    struct Attempt: Sendable, CustomTestStringConvertible {
        let name: String
        let arguments: [String]
        let alert: String
        let failure: TLSFailure
        var testDescription: String { name }
    }

    static let attempts: [Attempt] = [
        Attempt(
            name: "TLS 1.2", arguments: ["-tls1_2", "-alpn", "tallygate/1"], alert: "alert protocol version",
            failure: .protocolVersion),
        Attempt(
            name: "TLS 1.2 without ALPN", arguments: ["-tls1_2"], alert: "alert protocol version",
            failure: .protocolVersion),
        Attempt(
            name: "no ALPN", arguments: ["-tls1_3"], alert: "alert no application protocol",
            failure: .applicationProtocol),
        Attempt(
            name: "another ALPN", arguments: ["-tls1_3", "-alpn", "h2,http/1.1"],
            alert: "alert no application protocol", failure: .applicationProtocol),
    ]

    @Test("A client that speaks something else is refused with the alert that says so", arguments: attempts)
    func wrongClient(_ attempt: Attempt) throws {
        let rig = try Rig()
        guard let result = try client(attempt.arguments, port: rig.listener.address.port) else { return }
        #expect(result.status != 0)
        #expect(result.output.contains(attempt.alert), "\(result.output)")
        #expect(rig.serverLog.wait() == [.closed(.handshakeFailed(attempt.failure))])
    }

    @Test("openssl's own client with TLS 1.3 and the ALPN is let in, and gets no session ticket")
    func rightClient() throws {
        let rig = try Rig()
        guard let result = try client(["-alpn", "tallygate/1"], port: rig.listener.address.port) else { return }
        #expect(result.output.contains("ALPN protocol: tallygate/1"), "\(result.output)")
        #expect(result.output.contains("TLSv1.3"))
        #expect(!result.output.contains("New Session Ticket"))
        #expect(rig.serverLog.wait(for: 1).first == .opened)
    }

    @Test("A certificate of another authority is refused, and the gateway learns why")
    func wrongAuthority() throws {
        let rig = try Rig()
        let log = try rig.dial(tls: try Trust().client())
        let address = rig.listener.address
        #expect(log.wait() == [.failed(.tls(.untrusted, address))])
        #expect(rig.serverLog.wait() == [.closed(.handshakeFailed(.refusedByPeer(48)))])
    }

    struct Host: Sendable, CustomTestStringConvertible {
        let dialled: String
        let certified: String
        let isRight: Bool
        var testDescription: String { "\(dialled) for \(certified)" }
    }

    static let hosts: [Host] = [
        Host(dialled: "127.0.0.1", certified: "127.0.0.1", isRight: true),
        Host(dialled: "localhost", certified: "localhost", isRight: true),
        Host(dialled: "LOCALHOST", certified: "localhost", isRight: true),
        Host(dialled: "127.0.0.1", certified: "localhost", isRight: false),
        Host(dialled: "localhost", certified: "127.0.0.1", isRight: false),
        Host(dialled: "localhost", certified: "gateway.example", isRight: false),
        Host(dialled: "127.0.0.1", certified: "127.0.0.2", isRight: false),
    ]

    @Test("A certificate counts for its own hosts only", arguments: hosts)
    func wrongHost(_ host: Host) throws {
        let certified = try #require(CertificateHost(host.certified))
        let rig = try Rig(trust: try Trust(hosts: [certified]))
        let target = try #require(HostPort(host: host.dialled, port: rig.listener.address.port))
        let seen = try rig.dial(target) { handler, _ in handler.onOpened = { $0.close() } }.wait()
        let expected: Seen = host.isRight ? .opened : .failed(.tls(.hostMismatch, rig.listener.address))
        #expect(seen.first == expected)
    }

    @Test("A certificate whose time is over, or has not come, is refused with the word for it")
    func wrongTime() throws {
        let old = try Rig(trust: try Trust(nowSeconds: Trust.now - 100 * 86_400, days: 90))
        #expect(try old.dial().wait() == [.failed(.tls(.expired, old.listener.address))])
        let early = try Rig(trust: try Trust(nowSeconds: Trust.now + 2 * 86_400))
        #expect(try early.dial().wait() == [.failed(.tls(.notYetValid, early.listener.address))])
    }

    @Test(
        "A client that speaks plain text is refused as such",
        arguments: [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "hello gateway, this is not TLS",
            String(repeating: "\u{0}", count: 64),
        ])
    func plainText(_ text: String) throws {
        let rig = try Rig()
        let socket = try Plain(to: rig.listener.address)
        socket.send(Array(text.utf8))
        #expect(rig.serverLog.wait() == [.closed(.handshakeFailed(.notTLS))])
    }

    @Test("A server that speaks plain text is reported as such")
    func plainServer() throws {
        let listener = try Sockets.listen(on: .v4(0x7F00_0001, port: 0))
        let address = try Sockets.localAddress(of: listener)
        let rig = try Rig()
        let log = try rig.dial(HostPort(host: "127.0.0.1", port: address.port))
        let accepted = try #require(Plain.accept(from: listener.raw))
        accepted.send(Array("SSH-2.0-Something_9.9\r\n".utf8))
        #expect(log.wait() == [.failed(.tls(.notTLS, address))])
    }

    @Test("A peer that stays silent is dropped when the handshake's time is over", arguments: PollerKind.allCases)
    func silentClient(kind: PollerKind) throws {
        let rig = try Rig(kind, settings: Rig.settings(handshakeTimeout: .milliseconds(100)))
        let socket = try Plain(to: rig.listener.address)
        #expect(rig.serverLog.wait() == [.closed(.handshakeTimeout)])
        #expect(socket.isClosedByPeer)
        #expect(eventually { rig.count.current == 0 })
    }

    @Test("A gateway that accepts and says nothing is given up in time")
    func silentServer() throws {
        let listener = try Sockets.listen(on: .v4(0x7F00_0001, port: 0))
        let address = try Sockets.localAddress(of: listener)
        let target = try #require(HostPort(host: "127.0.0.1", port: address.port))
        let log = try Rig().dial(target, timeout: .milliseconds(100))
        #expect(log.wait() == [.failed(.timedOut(target))])
    }

    @Test("A client that hangs up during the handshake, or is cut off later, is told apart")
    func cutOff() throws {
        let rig = try Rig()
        do { _ = try Plain(to: rig.listener.address) }
        #expect(rig.serverLog.wait() == [.closed(.handshakeFailed(.hungUp))])
        let log = try rig.dial { handler, _ in handler.onOpened = { $0.abort(.requested) } }
        #expect(log.wait(for: 2) == [.opened, .closed(.requested)])
        #expect(rig.serverLog.wait(for: 3).last == .closed(.reset))
    }

    @Test("Nothing listening and no such host are told apart")
    func unreachable() throws {
        let listener = try Sockets.listen(on: .v4(0x7F00_0001, port: 0))
        let address = try Sockets.localAddress(of: listener)
        _ = consume listener
        let rig = try Rig()
        let log = try rig.dial(HostPort(host: "127.0.0.1", port: address.port))
        #expect(log.wait() == [.failed(.refused(address))])
        let nowhere = try rig.dial(HostPort("no-such-host.invalid:1")).wait(seconds: 20)
        guard case .failed(.unresolved(let error)) = nowhere.first else {
            Issue.record("\(nowhere)")
            return
        }
        #expect(error.host == "no-such-host.invalid")
    }

    @Test("Beyond the cap a connection is closed at once, and there is room again when one has left")
    func cap() throws {
        let rig = try Rig(connectionsMax: 2)
        let held = Log<ShardReference<Scripted>>()
        for _ in 0..<2 {
            try rig.dial { handler, loop in held.add(loop.reside(handler)) }
        }
        let references = held.wait(for: 2)
        #expect(rig.serverLog.wait(for: 2) == [.opened, .opened])
        let address = rig.listener.address
        let third = try rig.dial().wait()
        #expect(third == [.failed(.tls(.hungUp, address))] || third == [.failed(.tls(.reset, address))])
        #expect(rig.count.refusedTotal == 1)
        references[0].async { $0.channel?.close() }
        #expect(eventually { rig.count.current == 1 })
        #expect(try rig.dial().wait() == [.opened])
    }

    @Test("A listener that was stopped accepts no more and leaves standing connections alone")
    func stop() throws {
        let rig = try Rig()
        let held = Log<ShardReference<Scripted>>()
        let log = try rig.dial { handler, loop in
            held.add(loop.reside(handler))
            handler.onReceived = { bytes, channel in
                channel.close()
                return bytes.count
            }
        }
        #expect(log.wait() == [.opened])
        rig.listener.stop()
        rig.shards[0].sync { _ in }
        #expect(try rig.dial().wait() == [.failed(.refused(rig.listener.address))])
        held.wait().first?.async { $0.channel?.send([1]) }
        #expect(log.wait(for: 2) == [.opened, .closed(.requested)])
    }
}
