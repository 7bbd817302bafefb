import Dispatch
package import TallyModel

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A host that has no address: its name and the resolver's reason.
package struct ResolveError: Error, Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let reason: String

    package var description: String { "cannot find the address of \(host): \(reason)" }
}

/// Names into addresses. The C library's resolver blocks, so it is asked on a queue of its own.
package enum Resolver {
    package static let addressesMax = 16

    /// The addresses of `target` in the order the system prefers, at most `addressesMax`. Blocks for a name.
    package static func resolve(_ target: HostPort) throws(ResolveError) -> [SocketAddress] {
        if let literal = SocketAddress(literal: target) { return [literal] }
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
        unsafe hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        // `list` is ours from here to freeaddrinfo; the resolver copies both strings.
        let status = unsafe getaddrinfo(target.host, "\(target.port)", &hints, &list)
        guard status == 0 else {
            throw ResolveError(host: target.host, reason: unsafe String(cString: gai_strerror(status)))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < addressesMax {
            var storage = sockaddr_storage()
            let size = Int(unsafe entry.pointee.ai_addrlen)
            if let form = unsafe entry.pointee.ai_addr, size <= MemoryLayout<sockaddr_storage>.size {
                // The resolver says how long its form is, and it fits the storage.
                unsafe withUnsafeMutableBytes(of: &storage) { room in
                    unsafe room.copyMemory(from: UnsafeRawBufferPointer(start: form, count: size))
                }
                if let address = SocketAddress(kernelForm: storage), !addresses.contains(address) {
                    addresses.append(address)
                }
            }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else {
            throw ResolveError(host: target.host, reason: "it has no IPv4 or IPv6 address")
        }
        return addresses
    }

    /// Resolves on a background queue and answers on `shard`. A name can take as long as the system's
    /// resolver waits; the caller keeps its own deadline.
    package static func resolve(
        _ target: HostPort, on shard: Shard,
        answer: @escaping @Sendable (Result<[SocketAddress], ResolveError>, ShardLoop) -> Void
    ) {
        DispatchQueue.global(qos: .utility).async {
            let result: Result<[SocketAddress], ResolveError>
            do throws(ResolveError) {
                result = .success(try resolve(target))
            } catch {
                result = .failure(error)
            }
            shard.async { loop in answer(result, loop) }
        }
    }
}
