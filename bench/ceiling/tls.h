// TLS 1.3 with ALPN `tallygate/1` on non-blocking sockets, by OpenSSL itself on the descriptor.
#ifndef CEILING_TLS_H
#define CEILING_TLS_H
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum { TLS_OK, TLS_WAIT, TLS_GONE } tls_result;

// Exits with a message where certificate and key are of no use.
SSL_CTX *tls_context(const char *certificate, const char *key);

// A server's session on `descriptor`, which it does not own; null without memory.
SSL *tls_session(SSL_CTX *context, int descriptor);

// Up to `room` bytes of plaintext. The handshake happens in here.
tls_result tls_read(SSL *session, void *to, size_t room, size_t *count);

// `TLS_WAIT`: nothing was taken; the same bytes must come again once the socket can be written.
tls_result tls_write(SSL *session, const void *from, size_t bytes, size_t *count);

// Whether the peer asked for our protocol. Meaningful once plaintext came.
bool tls_is_ours(const SSL *session);

#endif
