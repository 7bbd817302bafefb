#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The user that this process works for.
package enum UserID {
    package static var current: UInt32 { getuid() }
}

/// A path from the root, as other processes with other working folders need it.
package enum AbsolutePath {
    package static func of(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        var buffer = [CChar](repeating: 0, count: 4_096)
        // The buffer's length goes with it; getcwd ends what it writes with a zero or returns nil.
        guard let folder = unsafe getcwd(&buffer, buffer.count) else { return path }
        return unsafe String(cString: folder) + "/" + path
    }
}

/// Ends the process at once, without running anything of what libraries have left for the end: for when a promise can no
/// longer be kept, and where other threads may be at work. What takes itself down then would do so under their hands.
package enum Abort {
    package static func now(exitCode: Int32) -> Never { _exit(exitCode) }
}

/// What the kernel allows this process.
package enum ResourceLimits {
    /// How many descriptors may be open, raised to the hard limit on the way.
    package static var openFiles: UInt64 {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        // `limit` lives for the call, which only writes to it.
        guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(resource, &limit)
        }
        return UInt64(limit.rlim_cur)
    }
}
