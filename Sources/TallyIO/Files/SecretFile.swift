#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Why a secret that lies in a file is not used.
package enum SecretFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Others than its owner may read or change it: its permission bits.
    case exposed(path: String, mode: UInt32)
    /// A symbolic link, or no regular file: whoever put it there decides what is read.
    case notPlain(path: String)
    case system(SystemError)

    package var isNotFound: Bool {
        if case .system(let error) = self { error.isNotFound } else { false }
    }

    package var description: String {
        switch self {
        case .exposed(let path, let mode):
            "\(path) may be read or changed by others than its owner (mode \(String(mode, radix: 8))): chmod 600 "
                + "\(path), and replace the key if anybody else may have read it"
        case .notPlain(let path):
            "\(path) is a symbolic link or no regular file: put the file itself there, with mode 600"
        case .system(let error): error.description
        }
    }
}

extension OpenFile.Facts {
    fileprivate func checkSecret(path: String) throws(SecretFileError) {
        guard kind == .file else { throw .notPlain(path: path) }
        guard mode & 0o077 == 0 else { throw .exposed(path: path, mode: mode) }
    }
}

extension Directory {
    /// Throws unless `name` is a regular file that nobody but its owner has any right to.
    package func checkSecret(_ name: String) throws(SecretFileError) {
        let facts: OpenFile.Facts
        do throws(SystemError) { facts = try self.facts(name) } catch { throw .system(error) }
        try facts.checkSecret(path: path + "/" + name)
    }

    /// All of a small file that is its owner's alone, such as a private key; one longer than `limit` is an error. What
    /// is looked at is what is read: the file is opened first, and no link is followed.
    package func readSecret(_ name: String, limit: Int) throws(SecretFileError) -> [UInt8] {
        let file: OpenFile
        let facts: OpenFile.Facts
        do throws(SystemError) {
            file = try openPlain(name)
            facts = try file.facts()
        } catch {
            throw error.number == ELOOP
                ? SecretFileError.notPlain(path: path + "/" + name) : SecretFileError.system(error)
        }
        try facts.checkSecret(path: file.name)
        var bytes: [UInt8] = []
        do throws(SystemError) {
            try file.read(at: 0, count: min(facts.bytes, limit) + 1, into: &bytes)
            guard bytes.count <= limit else { throw SystemError("read", file.name, number: EFBIG) }
        } catch {
            throw .system(error)
        }
        return bytes
    }
}
