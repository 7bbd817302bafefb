// Plaintext of TLS, so that what was promised to a peer stands in the log among what was written and synced.
#include "shim.h"

typedef struct ssl_st SSL;

NEXT(int, SSL_write, SSL *, const void *, int)
NEXT(int, SSL_read, SSL *, void *, int)
NEXT(void, SSL_free, SSL *)

SHIM int SSL_write(SSL *channel, const void *bytes, int count) {
    if (!shim_ready() || !log_has_tls) return next_SSL_write()(channel, bytes, count);
    uint64_t name = (uint64_t)(uintptr_t)channel;
    // Before the call: the peer may have it as soon as the call has begun.
    log_add(LOG_SENDING, 0, name, 0, count, NULL, bytes, count > 0 ? (size_t)count : 0);
    int result = next_SSL_write()(channel, bytes, count);
    log_add(LOG_SENT, 0, name, result, 0, NULL, NULL, 0);
    return result;
}

SHIM int SSL_read(SSL *channel, void *bytes, int count) {
    int result = next_SSL_read()(channel, bytes, count);
    if (result > 0 && shim_ready() && log_has_tls)
        log_add(LOG_RECEIVED, 0, (uint64_t)(uintptr_t)channel, 0, result, NULL, bytes, (size_t)result);
    return result;
}

SHIM void SSL_free(SSL *channel) {
    if (channel != NULL && shim_ready() && log_has_tls)
        log_add(LOG_CHANNEL_ENDS, 0, (uint64_t)(uintptr_t)channel, 0, 0, NULL, NULL, 0);
    next_SSL_free()(channel);
}
