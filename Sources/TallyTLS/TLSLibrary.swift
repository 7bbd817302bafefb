import COpenSSL

/// The OpenSSL that this process runs with.
package enum TLSLibrary {
    package static var version: String {
        // A constant string of the library.
        guard let text = unsafe OpenSSL_version(OPENSSL_VERSION) else { return "unknown" }
        return unsafe String(cString: text)
    }
}
