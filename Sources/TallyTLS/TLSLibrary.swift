import COpenSSL

/// The OpenSSL that this process runs with.
package enum TLSLibrary {
    /// Keeps the library whole until the process is gone. Otherwise it takes itself down at `exit`, while another thread may
    /// still be in the middle of a record. Must precede everything else that uses the library, random numbers included.
    ///
    /// From here on freed memory that held a stranger's hello is overwritten (`TLSMemory`).
    package static func keepUntilTheEnd() {
        TLSMemory.install()
        // No settings are handed over.
        _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }

    package static var version: String {
        // A constant string of the library.
        guard let text = unsafe OpenSSL_version(OPENSSL_VERSION) else { return "unknown" }
        return unsafe String(cString: text)
    }
}
