import TallyModel

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One plain TCP connection, read and written with a deadline on each wait: for the few small answers that are given and
/// asked for on loopback (metrics, health), where a thread may wait.
package struct BlockingConnection: ~Copyable, Sendable {
    private let socket: Descriptor

    private init(_ socket: consuming Descriptor) { self.socket = socket }

    /// A connection to `address`, which must stand within `timeoutMs`.
    package static func connect(
        to address: SocketAddress, timeoutMs: CInt
    ) throws(SystemError) -> BlockingConnection {
        let socket = try Sockets.connect(to: address)
        guard try ready(socket.raw, for: Int16(POLLOUT), timeoutMs: timeoutMs) else {
            throw SystemError("connect to", address.description, number: ETIMEDOUT)
        }
        if let error = Sockets.connectOutcome(of: socket.raw, to: address) { throw error }
        return BlockingConnection(socket)
    }

    /// The next connection on a listening socket, or nil after `timeoutMs`.
    package static func accept(
        from listener: borrowing Descriptor, timeoutMs: CInt
    ) throws(SystemError) -> BlockingConnection? {
        guard try ready(listener.raw, for: Int16(POLLIN), timeoutMs: timeoutMs) else { return nil }
        switch Sockets.accept(from: listener.raw) {
        case .connection(let socket, _): return BlockingConnection(socket)
        default: return nil
        }
    }

    /// Appends what has come, at most `count` bytes. False at the end of the peer's bytes, or after `timeoutMs`.
    package func read(upTo count: Int, into buffer: inout [UInt8], timeoutMs: CInt) throws(SystemError) -> Bool {
        guard try Self.ready(socket.raw, for: Int16(POLLIN), timeoutMs: timeoutMs) else { return false }
        let start = buffer.count
        // Straight into the caller's buffer, who may overwrite it later: no copy stays here.
        buffer.appendZeros(count)
        // The kernel writes at most `count` bytes, which is what follows `start`.
        let got = unsafe buffer.withUnsafeMutableBytes {
            unsafe recv(socket.raw, $0.baseAddress?.advanced(by: start), count, 0)
        }
        buffer.removeLast(count - max(got, 0))
        return got > 0
    }

    package func write(_ bytes: [UInt8], timeoutMs: CInt) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            guard try Self.ready(socket.raw, for: Int16(POLLOUT), timeoutMs: timeoutMs) else {
                throw SystemError("send", number: ETIMEDOUT)
            }
            // The kernel reads `bytes.count - sent` bytes from within the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(
                    socket.raw, buffer.baseAddress?.advanced(by: sent), buffer.count - sent, CInt(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw SystemError("send")
            }
            sent += count
        }
    }

    private static func ready(_ raw: CInt, for events: Int16, timeoutMs: CInt) throws(SystemError) -> Bool {
        var entry = pollfd(fd: raw, events: events, revents: 0)
        // One entry, and the count says one.
        let count = unsafe poll(&entry, 1, timeoutMs)
        if count < 0 {
            if errno == EINTR { return false }
            throw SystemError("poll")
        }
        return count > 0
    }
}
