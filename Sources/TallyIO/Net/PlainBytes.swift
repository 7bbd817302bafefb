#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Bytes of a connection that speaks no TLS and never blocks: for a fuzzer, which also says what is not TLS.
extension Sockets {
    /// How many bytes of `bytes` from `start` on the kernel took, 0 where it takes none for now; nil where the connection
    /// is over.
    package static func write(_ raw: CInt, _ bytes: [UInt8], from start: Int) -> Int? {
        precondition(start < bytes.count, "a write needs bytes")
        // The kernel reads `count - start` bytes, which lie within the array.
        let count = unsafe bytes.withUnsafeBytes { window in
            unsafe send(raw, window.baseAddress?.advanced(by: start), window.count - start, CInt(MSG_NOSIGNAL))
        }
        return count >= 0 ? count : isForNow(errno) ? 0 : nil
    }

    /// How many bytes came into the front of `room`, 0 where there are none for now; nil at the peer's end and where the
    /// connection is over.
    package static func read(_ raw: CInt, into room: inout [UInt8]) -> Int? {
        precondition(!room.isEmpty, "a read needs room")
        // The kernel writes at most the array's own length.
        let count = unsafe room.withUnsafeMutableBytes { unsafe recv(raw, $0.baseAddress, $0.count, 0) }
        if count > 0 { return count }
        return count < 0 && isForNow(errno) ? 0 : nil
    }

    private static func isForNow(_ number: CInt) -> Bool { number == EAGAIN || number == EINTR }
}
