import COpenSSL

/// OpenSSL's memory where a stranger's bytes go: freed blocks are overwritten while a handshake goes on and when a session
/// is let go. What is read of an open session is OpenSSL's own care (`tally_ctx_cleanse`), so that no block on the way of
/// what is accepted is touched twice.
///
/// The C side keeps a flag for each thread in this file's own object code: it must be called from nowhere else.
enum TLSMemory {
    /// To be called before anything else uses OpenSSL; later calls change nothing, and nothing is overwritten then.
    @inline(never)
    static func install() { _ = tally_memory_install() }

    @inline(never)
    static func beginWiping() { tally_memory_wipes(1) }

    @inline(never)
    static func endWiping() { tally_memory_wipes(0) }
}
