#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Directory {
    /// Takes all rights to this folder from everybody but its owner.
    package func restrictToOwner() throws(SystemError) {
        let result = withDescriptor { fchmod($0, 0o700) }
        guard result == 0 else { throw SystemError("chmod", path) }
    }
}
