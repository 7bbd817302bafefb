#if canImport(Glibc)
import CPlatform
import Glibc
#else
import Darwin
#endif

/// A stream socket within the machine, for the programs' own commands: blocking, with a deadline on each wait, and
/// messages of `u32 length | bytes`.
///
/// A socket's path may hold 108 bytes at most, so a deep folder is reached through its descriptor
/// (`/proc/self/fd/N/name`) where the system has that.
package struct UnixSocket: ~Copyable, Sendable {
    package static let messageBytesMax = 64 << 20
    private let descriptor: Descriptor

    private init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Binds `name` in `folder`, readable and writable by its owner alone, replacing what a dead owner left. The
    /// caller holds the folder's lock, so nobody alive listens there.
    package static func listen(folder: String, name: String) throws(SystemError) -> UnixSocket {
        let socket = try open()
        unsafe try withAddress(folder: folder, name: name) { address, length throws(SystemError) in
            let path = folder + "/" + name
            unsafe unlink(path)
            guard unsafe bind(socket.descriptor.raw, address, length) == 0 else { throw SystemError("bind", path) }
            // Not by umask, which is the whole process's: another thread may be making a folder. The folder is 0700.
            guard unsafe chmod(path, 0o600) == 0 else { throw SystemError("chmod", path) }
        }
        guard Glibc.listen(socket.descriptor.raw, 16) == 0 else { throw SystemError("listen", name) }
        return socket
    }

    /// Connects to a listening owner. `isNotFound` or ECONNREFUSED say that none is there.
    package static func connect(folder: String, name: String) throws(SystemError) -> UnixSocket {
        let socket = try open()
        unsafe try withAddress(folder: folder, name: name) { address, length throws(SystemError) in
            guard unsafe Glibc.connect(socket.descriptor.raw, address, length) == 0 else {
                throw SystemError("connect", folder + "/" + name)
            }
        }
        return socket
    }

    /// The next connection, or nil after `timeoutMs`; nil waits for ever, or until `stopListening`.
    package func accept(timeoutMs: CInt?) throws(SystemError) -> UnixSocket? {
        guard try wait(for: Int16(POLLIN), timeoutMs: timeoutMs ?? -1) else { return nil }
        let raw = Glibc.accept(descriptor.raw, nil, nil)
        guard raw >= 0 else {
            if errno == EINTR || errno == ECONNABORTED { return nil }
            throw SystemError("accept")
        }
        return UnixSocket(Descriptor(taking: raw))
    }

    /// Ends `accept` on whatever thread waits in it, with an error.
    package func stopListening() { _ = shutdown(descriptor.raw, CInt(SHUT_RDWR)) }

    package func send(_ message: [UInt8], timeoutMs: CInt) throws(SystemError) {
        guard message.count <= Self.messageBytesMax else { throw SystemError("send", number: EMSGSIZE) }
        let length = UInt32(message.count)
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(8 * $0)) } + message
        var sent = 0
        while sent < bytes.count {
            guard try wait(for: Int16(POLLOUT), timeoutMs: timeoutMs) else {
                throw SystemError("send", number: ETIMEDOUT)
            }
            // The kernel reads `bytes.count - sent` bytes from within the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor.raw, buffer.baseAddress?.advanced(by: sent), buffer.count - sent, CInt(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("send")
            }
            sent += count
        }
    }

    /// One message, or nil where the peer has closed before its first byte.
    package func receive(timeoutMs: CInt) throws(SystemError) -> [UInt8]? {
        guard let head = try read(4, timeoutMs: timeoutMs) else { return nil }
        let length = head.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.messageBytesMax else { throw SystemError("receive", number: EMSGSIZE) }
        guard let body = try read(length, timeoutMs: timeoutMs) else {
            throw SystemError("receive", number: ECONNRESET)
        }
        return body
    }

    private func read(_ count: Int, timeoutMs: CInt) throws(SystemError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            guard try wait(for: Int16(POLLIN), timeoutMs: timeoutMs) else {
                throw SystemError("receive", number: ETIMEDOUT)
            }
            // The kernel writes at most `count - have` bytes behind the first `have`.
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(descriptor.raw, buffer.baseAddress?.advanced(by: have), count - have, 0)
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw SystemError("receive")
            }
            if got == 0 {
                if have == 0 { return nil }
                throw SystemError("receive", number: ECONNRESET)
            }
            have += got
        }
        return bytes
    }

    private func wait(for events: Int16, timeoutMs: CInt) throws(SystemError) -> Bool {
        var entry = pollfd(fd: descriptor.raw, events: events, revents: 0)
        // One entry, and the count says one.
        let ready = unsafe poll(&entry, 1, timeoutMs)
        if ready < 0 {
            if errno == EINTR { return false }
            throw SystemError("poll")
        }
        return ready > 0
    }

    private static func open() throws(SystemError) -> UnixSocket {
        let raw = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw SystemError("socket") }
        return UnixSocket(Descriptor(taking: raw))
    }

    private static func withAddress(
        folder: String, name: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var raw: CInt
        repeat {
            raw = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        } while raw < 0 && errno == EINTR
        guard raw >= 0 else { throw SystemError("open", folder) }
        let directory = Descriptor(taking: raw)
        let path = Array("/proc/self/fd/\(directory.raw)/\(name)".utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.count < capacity else { throw SystemError("socket path", name, number: ENAMETOOLONG) }
        // `path` is shorter than `sun_path`, whose rest stays zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in
            for (index, byte) in path.enumerated() { unsafe target[index] = byte }
        }
        var failure: SystemError?
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                do throws(SystemError) {
                    unsafe try body(rebound, socklen_t(MemoryLayout<sockaddr_un>.size))
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}
