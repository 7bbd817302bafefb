import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file to which sessions write their secrets, in the format of NSS key logs, so that a capture of them can be read.
///
/// Whoever has the file reads everything that travelled. A new one is 0600; one that exists is added to only if it is a
/// regular file of this user's under one name with exactly that mode, and a symbolic link is not followed. It stays open
/// until the process ends, because a session may write to it as long as there is one.
package struct TLSKeyLog: Sendable {
    let raw: CInt

    package init(path: String) throws(TLSKeyLogError) {
        let adding = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC
        // The path is a zero-ended copy that lives for the length of each call.
        let made = unsafe open(path, adding | O_CREAT | O_EXCL, 0o600)
        if made >= 0 {
            raw = made
            return
        }
        guard errno == EEXIST else { throw .unopened(path: path, errno: errno) }
        // Without O_NONBLOCK a named pipe would hold the start up until somebody reads it.
        let found = unsafe open(path, adding | O_NONBLOCK)
        guard found >= 0 else { throw .unopened(path: path, errno: errno) }
        var facts = stat()
        // The kernel fills the structure and keeps no pointer to it.
        guard unsafe fstat(found, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_uid == geteuid(),
            facts.st_mode & 0o7777 == 0o600, facts.st_nlink == 1
        else {
            _ = close(found)
            throw .notOurs(path: path)
        }
        raw = found
    }
}

/// A key log that cannot be begun.
package enum TLSKeyLogError: Error, Hashable, Sendable, CustomStringConvertible {
    case unopened(path: String, errno: CInt)
    case notOurs(path: String)

    package var description: String {
        switch self {
        case .unopened(let path, let errno): "cannot open the TLS key log \(path) (errno \(errno))"
        case .notOurs(let path):
            "the TLS key log \(path) exists and is not a plain file of this user's with the mode 0600: "
                + "name one that does not exist"
        }
    }
}

extension TLSServerContext {
    /// Has every session write its secrets to `log`. To be called before the first session is made.
    package func logSecrets(to log: TLSKeyLog) {
        // The descriptor stays open until the process ends.
        unsafe tally_ctx_log_keys(context.raw, log.raw)
    }
}
