import COpenSSL
import TallyModel

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How far a handshake or a farewell came.
package enum TLSStep: Hashable, Sendable {
    case done
    case wantRead
    case wantWrite
    case failed(TLSFailure)
}

/// What a read or a write moved.
package enum TLSMove: Hashable, Sendable {
    /// So many bytes, at least one.
    case moved(Int)
    case wantRead
    case wantWrite
    /// The peer said farewell: it will send no more.
    case finished
    case failed(TLSFailure)
}

/// One TLS connection over a non-blocking descriptor that somebody else owns and closes, after this is gone.
///
/// Confined to one queue. Reading and writing allocate nothing here; OpenSSL takes its record buffers when
/// there is something to hold and gives them back when not.
@safe package struct TLSSession: ~Copyable {
    private let raw: OpaquePointer
    /// Kept because the callbacks of the context point into it.
    private let context: TLSContext
    private var isEstablished = false
    /// After a fatal error OpenSSL forbids every further call, the farewell included.
    private var isBroken = false

    init(context: TLSContext, descriptor: CInt) throws(TLSFailure) {
        ERR_clear_error()
        guard let raw = unsafe SSL_new(context.raw) else { throw .noSession }
        guard unsafe SSL_set_fd(raw, descriptor) == 1 else {
            unsafe SSL_free(raw)
            throw .noSession
        }
        unsafe self.raw = raw
        self.context = context
    }

    deinit {
        TLSMemory.beginWiping()
        unsafe SSL_free(raw)
        TLSMemory.endWiping()
    }

    func becomeServer() { unsafe SSL_set_accept_state(raw) }

    /// Prepares the client's hello and whom it accepts; false for want of memory.
    func becomeClient(host: String) -> Bool {
        unsafe SSL_set_connect_state(raw)
        guard let parameters = unsafe SSL_get0_param(raw) else { return false }
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return true }
        ERR_clear_error()
        unsafe X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard unsafe SSL_set1_host(raw, host) == 1 else { return false }
        return unsafe tally_set_server_name(raw, host) == 1
    }

    /// Goes on with the handshake until it is done or the socket must be waited for.
    package mutating func handshake() -> TLSStep {
        guard !isBroken else { return .failed(.reset) }
        ERR_clear_error()
        errno = 0
        TLSMemory.beginWiping()
        let result = unsafe SSL_do_handshake(raw)
        TLSMemory.endWiping()
        if result == 1 {
            guard hasApplicationProtocol else {
                isBroken = true
                return .failed(.applicationProtocol)
            }
            isEstablished = true
            return .done
        }
        switch unsafe SSL_get_error(raw, result) {
        case SSL_ERROR_WANT_READ:
            guard unsafe tally_waits_within_hello(raw) == 0 else {
                isBroken = true
                return .failed(.helloTooLarge)
            }
            return .wantRead
        case SSL_ERROR_WANT_WRITE: return .wantWrite
        case let code: return .failed(failure(code))
        }
    }

    /// Reads plaintext into `buffer[offset..<end]`. Precondition: there is room.
    package mutating func read(into buffer: inout [UInt8], from offset: Int, upTo end: Int) -> TLSMove {
        precondition(offset >= 0 && offset < end && end <= buffer.count, "a read needs room")
        guard !isBroken else { return .failed(.reset) }
        ERR_clear_error()
        errno = 0
        let room = CInt(clamping: end - offset)
        // OpenSSL writes at most `room` bytes, which is what follows `offset`.
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SSL_read(raw, bytes.baseAddress?.advanced(by: offset), room)
        }
        guard unsafe tally_late_messages(raw) <= Limits.lateMessagesMax else {
            isBroken = true
            return .failed(.tooManyKeyUpdates)
        }
        return result > 0 ? .moved(Int(result)) : stopped(result)
    }

    /// Reads plaintext into the front of `buffer` until there is no more for now or `limit` bytes are there.
    /// Returns how many came, and what stopped it: never `moved`, or nil if it was the limit.
    package mutating func readAvailable(
        into buffer: inout [UInt8], upTo limit: Int
    ) -> (count: Int, stopped: TLSMove?) {
        var count = 0
        while count < limit {
            switch read(into: &buffer, from: count, upTo: limit) {
            case .moved(let moved):
                count += moved
                // What the kernel still has it reports again; asking once more would only cost a call.
                if !hasPending { return (count, .wantRead) }
            case let stopped: return (count, stopped)
            }
        }
        return (count, nil)
    }

    /// Writes `buffer` from `start` to `end`, or a part of it. After `wantWrite` the next call repeats the same
    /// bytes, perhaps with more behind them; the array may have moved.
    package mutating func write(_ buffer: borrowing [UInt8], from start: Int, to end: Int) -> TLSMove {
        precondition(start >= 0 && start < end && end <= buffer.count, "a write needs bytes")
        guard !isBroken else { return .failed(.reset) }
        ERR_clear_error()
        errno = 0
        let count = CInt(clamping: end - start)
        // OpenSSL reads `count` bytes, which lie between `start` and `end`.
        let result = unsafe buffer.withUnsafeBytes { bytes in
            unsafe SSL_write(raw, bytes.baseAddress?.advanced(by: start), count)
        }
        return result > 0 ? .moved(Int(result)) : stopped(result)
    }

    /// Says farewell: we send no more, and may still read. Done when it has gone out.
    package mutating func finishWriting() -> TLSStep {
        guard !isBroken, isEstablished else { return .done }
        ERR_clear_error()
        errno = 0
        let result = unsafe SSL_shutdown(raw)
        if result >= 0 { return .done }
        switch unsafe SSL_get_error(raw, result) {
        case SSL_ERROR_WANT_READ: return .done
        case SSL_ERROR_WANT_WRITE: return .wantWrite
        case let code: return .failed(failure(code))
        }
    }

    /// Bytes are waiting inside: the descriptor may not become readable for them.
    package var hasPending: Bool { unsafe SSL_has_pending(raw) == 1 }

    private var hasApplicationProtocol: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(raw, &name, &count)
        return count > 0
    }

    private mutating func stopped(_ result: CInt) -> TLSMove {
        switch unsafe SSL_get_error(raw, result) {
        case SSL_ERROR_WANT_READ: .wantRead
        case SSL_ERROR_WANT_WRITE: .wantWrite
        case SSL_ERROR_ZERO_RETURN: .finished
        case let code: .failed(failure(code))
        }
    }

    /// Reads the reason of a fatal error out of OpenSSL, while this thread's error queue still has it.
    private mutating func failure(_ code: CInt) -> TLSFailure {
        isBroken = true
        if code == SSL_ERROR_ZERO_RETURN { return .hungUp }
        if code == SSL_ERROR_SYSCALL {
            let number = errno
            if number == 0 || number == ECONNRESET || number == EPIPE { return isEstablished ? .reset : .hungUp }
            return .system(number)
        }
        let verify = unsafe SSL_get_verify_result(raw)
        if !isEstablished, verify != Int(X509_V_OK) { return TLSSession.refusal(of: verify) }
        let first = ERR_peek_error()
        let reason = tally_error_reason(first)
        return TLSSession.meaning(of: reason, isEstablished: isEstablished)
    }

    private static func refusal(of verify: Int) -> TLSFailure {
        switch CInt(clamping: verify) {
        case X509_V_ERR_CERT_HAS_EXPIRED: .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .hostMismatch
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            .untrusted
        default: .certificateRefused(verify)
        }
    }

    private static func meaning(of reason: CInt, isEstablished: Bool) -> TLSFailure {
        switch reason {
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: isEstablished ? .reset : .hungUp
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG,
            SSL_R_WRONG_SSL_VERSION:
            isEstablished ? .broken(Int(reason)) : .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            .protocolVersion
        case SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_CALLBACK_FAILED, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
            .applicationProtocol
        // OpenSSL numbers a received alert as 1000 + its number in RFC 8446.
        case 1_000..<1_256: .refusedByPeer(Int(reason) - 1_000)
        default: .broken(Int(reason))
        }
    }
}
