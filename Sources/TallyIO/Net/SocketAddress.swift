package import TallyModel

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An IPv4 or IPv6 address with its TCP port, as a plain value.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address in host order: 127.0.0.1 is 0x7F00_0001.
    case v4(UInt32, port: UInt16)
    /// The address in network order; the scope is 0 for all but link-local addresses.
    case v6(Bytes16, scope: UInt32, port: UInt16)

    package var port: UInt16 {
        switch self {
        case .v4(_, let port), .v6(_, _, let port): port
        }
    }

    package var isLoopback: Bool {
        switch self {
        case .v4(let address, _): address >> 24 == 127
        case .v6(let address, _, _): address.high == 0 && address.low == 1
        }
    }

    /// The address without its port: `127.0.0.1`, `::1`.
    package var host: String {
        switch self {
        case .v4(let address, _):
            return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
        case .v6(let address, _, _):
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let bytes = address.bytes
            // inet_ntop reads sixteen bytes and writes at most `text.count`, its zero included.
            let written = unsafe text.withUnsafeMutableBufferPointer { room in
                unsafe inet_ntop(AF_INET6, bytes, room.baseAddress, socklen_t(room.count)) != nil
            }
            precondition(written, "an IPv6 address always has a text of at most 45 letters")
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    package var description: String {
        switch self {
        case .v4: "\(host):\(port)"
        case .v6: "[\(host)]:\(port)"
        }
    }

    /// The address that `target` spells out in digits; nil if its host is a name.
    package init?(literal target: HostPort) {
        var v4 = in_addr()
        if unsafe inet_pton(AF_INET, target.host, &v4) == 1 {
            self = .v4(UInt32(bigEndian: v4.s_addr), port: target.port)
            return
        }
        var v6 = in6_addr()
        guard unsafe inet_pton(AF_INET6, target.host, &v6) == 1 else { return nil }
        self = .v6(SocketAddress.words(of: v6), scope: 0, port: target.port)
    }

    var family: CInt {
        switch self {
        case .v4: AF_INET
        case .v6: AF_INET6
        }
    }

    /// Calls `body` with the address in the kernel's form.
    func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch self {
        case .v4(let address, let port):
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr.s_addr = address.bigEndian
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            // The kernel reads `size` bytes of the form that it is given and looks at the family first.
            return unsafe withUnsafeBytes(of: &form) { bytes in
                unsafe bytes.withMemoryRebound(to: sockaddr.self) { rebound in
                    guard let base = rebound.baseAddress else { preconditionFailure("a form has bytes") }
                    return unsafe body(base, size)
                }
            }
        case .v6(let address, let scope, let port):
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = port.bigEndian
            form.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &form.sin6_addr) { unsafe $0.copyBytes(from: address.bytes) }
            let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            // As above.
            return unsafe withUnsafeBytes(of: &form) { bytes in
                unsafe bytes.withMemoryRebound(to: sockaddr.self) { rebound in
                    guard let base = rebound.baseAddress else { preconditionFailure("a form has bytes") }
                    return unsafe body(base, size)
                }
            }
        }
    }

    /// Reads what the kernel wrote into `storage`; nil for a family other than IPv4 and IPv6.
    init?(kernelForm storage: sockaddr_storage) {
        switch CInt(storage.ss_family) {
        case AF_INET:
            // A sockaddr_storage is at least as large as each form and aligned for it.
            let form = unsafe withUnsafeBytes(of: storage) { unsafe $0.load(as: sockaddr_in.self) }
            self = .v4(UInt32(bigEndian: form.sin_addr.s_addr), port: UInt16(bigEndian: form.sin_port))
        case AF_INET6:
            // As above.
            let form = unsafe withUnsafeBytes(of: storage) { unsafe $0.load(as: sockaddr_in6.self) }
            self = .v6(
                SocketAddress.words(of: form.sin6_addr), scope: form.sin6_scope_id,
                port: UInt16(bigEndian: form.sin6_port))
        default:
            return nil
        }
    }

    private static func words(of address: in6_addr) -> Bytes16 {
        // An in6_addr is exactly sixteen bytes.
        unsafe withUnsafeBytes(of: address) { unsafe Bytes16($0) }
    }
}
