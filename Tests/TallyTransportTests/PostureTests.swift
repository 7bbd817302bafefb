import Foundation
import TallyTLS
import TallyTransport
import Testing

/// What a stranger's first bytes may cost, and which keys a server takes. `Tests/tls/posture.py` asks the whole gateway.
@Suite("TLS posture") struct PostureTests {
    struct Hello: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        var testDescription: String { name }
    }

    /// A record of the handshake: its version is what every hello says.
    private static func record(_ payload: [UInt8]) -> [UInt8] {
        [22, 3, 1, UInt8(payload.count >> 8), UInt8(payload.count & 255)] + payload
    }

    static let hellos: [Hello] = [
        Hello(name: "128 KB in nine bytes", bytes: record([1, 0x02, 0x01, 0x44])),
        Hello(name: "a byte more than the record", bytes: record([1, 0, 0, 60] + [UInt8](repeating: 3, count: 59))),
        Hello(name: "a record of its first byte", bytes: record([1]) + record([0, 0, 9])),
    ]

    @Test("A hello that does not fit its record is ended at once, whatever it claims", arguments: hellos)
    func inPieces(_ hello: Hello) throws {
        let rig = try Rig()
        let socket = try Plain(to: rig.listener.address)
        socket.send(hello.bytes)
        #expect(rig.serverLog.wait() == [.closed(.handshakeFailed(.helloTooLarge))])
        #expect(socket.isClosedByPeer)
    }

    @Test("Half a record is waited for: what is missing of a hello may still come")
    func slowly() throws {
        let rig = try Rig()
        let socket = try Plain(to: rig.listener.address)
        let whole = Self.record([1, 0, 0, 60] + [UInt8](repeating: 3, count: 60))
        socket.send(Array(whole.prefix(20)))
        #expect(try rig.dial().wait() == [.opened])
        // A whole one, behind which the half one had been waiting all along.
        #expect(rig.serverLog.wait().first == .opened)
        socket.send(Array(whole.dropFirst(20)))
        let ends = rig.serverLog.wait(for: 2).filter { $0 != .opened && $0 != .peerFinished }
        #expect(ends.contains { if case .closed(.handshakeFailed) = $0 { true } else { false } })
    }

    @Test("A server's key is taken from a file that is its owner's alone, and refused with its mode from any other")
    func keyFile() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tally-key-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let trust = try Trust()
        let certificate = folder.appendingPathComponent("server.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        #expect(FileManager.default.createFile(atPath: certificate, contents: Data(trust.server.certificate)))
        #expect(FileManager.default.createFile(atPath: key, contents: Data(trust.server.key)))
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key)
            #expect(throws: CertificateError.exposedKey(file: key, mode: UInt32(mode))) {
                try TLSServerContext(certificateFile: certificate, keyFile: key)
            }
        }
        for mode in [0o600, 0o400] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key)
            _ = try TLSServerContext(certificateFile: certificate, keyFile: key)
        }
        #expect("\(CertificateError.exposedKey(file: key, mode: 0o644))".contains("mode 644): chmod 600 \(key)"))
    }
}
