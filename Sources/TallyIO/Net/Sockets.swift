import TallyModel

#if canImport(Glibc)
import CPlatform
import Glibc
#else
import Darwin
#endif

/// TCP sockets that never block: made, listening, accepted, connecting.
///
/// Each function names the address in its error, so that "Address already in use" says which one.
package enum Sockets {
    /// Pending connections that the kernel keeps for us; it takes the smaller of this and its own limit.
    package static let backlogMax: CInt = 4_096

    /// Listens on `address`; with port 0 the kernel chooses (`localAddress`). `[::]` takes IPv4 as well.
    package static func listen(on address: SocketAddress) throws(SystemError) -> Descriptor {
        let socket = try make(family: address.family, subject: address.description)
        try set(socket, SOL_SOCKET, SO_REUSEADDR, 1, subject: address.description)
        if case .v6(let host, _, _) = address {
            try set(socket, CInt(IPPROTO_IPV6), IPV6_V6ONLY, host.isZero ? 0 : 1, subject: address.description)
        }
        let bound = unsafe address.withKernelForm { form, size in unsafe bind(socket.raw, form, size) }
        guard bound == 0 else { throw SystemError("listen on", address.description) }
        guard systemListen(socket.raw, backlogMax) == 0 else { throw SystemError("listen on", address.description) }
        return socket
    }

    /// What came of asking for one more connection.
    package enum Accepted: ~Copyable {
        case connection(Descriptor, peer: SocketAddress)
        /// None is waiting.
        case none
        /// The process or the machine has no descriptor or memory left: try again later.
        case exhausted
        case failed(SystemError)
    }

    /// Takes one waiting connection. One that died while it waited is passed over, at most 16 times a call.
    package static func accept(from listener: CInt) -> Accepted {
        for _ in 0..<16 {
            var storage = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            // The kernel writes at most `size` bytes of the storage.
            let raw = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
                unsafe bytes.withMemoryRebound(to: sockaddr.self) { form in
                    unsafe acceptNonBlocking(listener, form.baseAddress, &size)
                }
            }
            if raw >= 0 {
                let connection = Descriptor(taking: raw)
                guard let peer = SocketAddress(kernelForm: storage) else { continue }
                setNoDelay(connection)
                return .connection(connection, peer: peer)
            }
            switch errno {
            case EAGAIN: return .none
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
            // Errors of the one connection, not of the listener (accept(2), "Error handling").
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, ENETUNREACH, EPERM, EOPNOTSUPP: continue
            default: return .failed(SystemError("accept"))
            }
        }
        return .none
    }

    /// Begins to connect; `connectOutcome` tells the result once the socket is ready to write.
    package static func connect(to address: SocketAddress) throws(SystemError) -> Descriptor {
        let socket = try make(family: address.family, subject: address.description)
        setNoDelay(socket)
        let result = unsafe address.withKernelForm { form, size in unsafe systemConnect(socket.raw, form, size) }
        if result != 0, errno != EINPROGRESS, errno != EINTR {
            throw SystemError("connect to", address.description)
        }
        return socket
    }

    /// Nil when the connection stands; otherwise why it does not.
    package static func connectOutcome(of raw: CInt, to address: SocketAddress) -> SystemError? {
        var number: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard unsafe getsockopt(raw, SOL_SOCKET, SO_ERROR, &number, &size) == 0 else {
            return SystemError("connect to", address.description)
        }
        return number == 0 ? nil : SystemError("connect to", address.description, number: number)
    }

    /// The address that `socket` is bound to: where a listener on port 0 listens.
    package static func localAddress(of socket: borrowing Descriptor) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // The kernel writes at most `size` bytes of the storage.
        let result = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) { form in
                guard let base = form.baseAddress else { return CInt(-1) }
                return unsafe getsockname(socket.raw, base, &size)
            }
        }
        guard result == 0, let address = SocketAddress(kernelForm: storage) else { throw SystemError("getsockname") }
        return address
    }

    /// Ends our direction of `raw`: the peer reads the end of the stream.
    package static func finishWriting(_ raw: CInt) { _ = shutdown(raw, CInt(SHUT_WR)) }

    private static func make(family: CInt, subject: String) throws(SystemError) -> Descriptor {
        #if canImport(Glibc)
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let raw = socket(family, kind, 0)
        guard raw >= 0 else { throw SystemError("socket for", subject) }
        #else
        let raw = socket(family, SOCK_STREAM, 0)
        guard raw >= 0 else { throw SystemError("socket for", subject) }
        makeNonBlocking(raw)
        #endif
        return Descriptor(taking: raw)
    }

    /// Frames are gathered by us once a round; the kernel must not wait for more.
    private static func setNoDelay(_ socket: borrowing Descriptor) {
        var on: CInt = 1
        _ = unsafe setsockopt(
            socket.raw, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func set(
        _ socket: borrowing Descriptor, _ level: CInt, _ option: CInt, _ value: CInt, subject: String
    ) throws(SystemError) {
        var value = value
        guard unsafe setsockopt(socket.raw, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0 else {
            throw SystemError("setsockopt on", subject)
        }
    }

    private static func systemListen(_ raw: CInt, _ backlog: CInt) -> CInt {
        #if canImport(Glibc)
        Glibc.listen(raw, backlog)
        #else
        Darwin.listen(raw, backlog)
        #endif
    }

    private static func systemConnect(_ raw: CInt, _ form: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        #if canImport(Glibc)
        unsafe Glibc.connect(raw, form, size)
        #else
        unsafe Darwin.connect(raw, form, size)
        #endif
    }

    private static func acceptNonBlocking(
        _ raw: CInt, _ form: UnsafeMutablePointer<sockaddr>?, _ size: UnsafeMutablePointer<socklen_t>
    ) -> CInt {
        #if canImport(Glibc)
        let flags = CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        return unsafe tally_accept4(raw, form, size, flags)
        #else
        let accepted = unsafe Darwin.accept(raw, form, size)
        if accepted >= 0 { makeNonBlocking(accepted) }
        return accepted
        #endif
    }

    #if !canImport(Glibc)
    private static func makeNonBlocking(_ raw: CInt) {
        _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) | O_NONBLOCK)
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    }
    #endif
}

extension SystemError {
    package var isAddressInUse: Bool { number == EADDRINUSE }
    package var isRefused: Bool { number == ECONNREFUSED }
    package var isTimedOut: Bool { number == ETIMEDOUT }
    package var isUnreachable: Bool { number == EHOSTUNREACH || number == ENETUNREACH || number == EADDRNOTAVAIL }
}
