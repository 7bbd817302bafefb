import Foundation
import TallyIO

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A plain TCP connection, blocking but never longer than five seconds.
final class Plain {
    let raw: CInt

    init(to address: SocketAddress) throws {
        raw = try Sockets.connect(to: address).release()
        waitUntil(POLLOUT)
    }

    private init(raw: CInt) { self.raw = raw }

    static func accept(from listener: CInt) -> Plain? {
        for _ in 0..<5_000 {
            switch Sockets.accept(from: listener) {
            case .connection(let descriptor, _): return Plain(raw: descriptor.release())
            case .none: usleep(1_000)
            case .exhausted: return nil
            case .failed: return nil
            }
        }
        return nil
    }

    deinit { close(raw) }

    func send(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(raw, $0.baseAddress, $0.count, 0) }
    }

    /// Closing resets the connection instead of ending it.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(raw, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Waits for the end of the stream.
    var isClosedByPeer: Bool {
        waitUntil(POLLIN)
        var byte: UInt8 = 0
        return unsafe recv(raw, &byte, 1, 0) <= 0
    }

    func waitUntil(_ event: CInt) {
        var entry = pollfd(fd: raw, events: CShort(event), revents: 0)
        _ = unsafe poll(&entry, 1, 5_000)
    }
}
