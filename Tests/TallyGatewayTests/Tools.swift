import Foundation
import GRDB
import TallyIO
import TallyModel
import TallyStorage
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A plain TCP connection to loopback that sends what it is told, for peers that speak something else.
final class RawConnection: Sendable {
    private let raw: Int32

    init(to target: HostPort) throws {
        raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = target.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let raw = self.raw
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(raw) }

    func send(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Everything until the other side closes, or `seconds` pass without a byte.
    func readAll(seconds: Int = 5) -> String {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        _ = unsafe setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe recv(raw, $0.baseAddress, $0.count, 0) }
            guard got > 0 else { return String(decoding: all, as: UTF8.self) }
            all += chunk[..<got]
        }
    }
}

/// Turns over one bit of a file's byte.
func flip(_ path: String, at index: Int) throws {
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.seek(toOffset: UInt64(index))
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(index))
    try handle.write(contentsOf: Data([byte ^ 1]))
}

/// Changes a database behind the gateway's back.
enum SQLiteShell {
    static func run(_ path: String, _ sql: String) throws {
        try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }

    static func number(_ path: String, _ sql: String) throws -> Int {
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read { try Int.fetchOne($0, sql: sql) ?? 0 }
    }
}

/// A caller of the folder's socket that connects and never asks.
final class UnixSocketCaller: Sendable {
    private let socket: UnixSocket
    init(folder: String) throws { socket = try UnixSocket.connect(folder: folder, name: DataFolder.socketName) }
    func keep() {}
}
