#include "tls.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As much ciphertext as one read of the socket may bring: several records, so that a busy connection costs one system
// call a round.
enum { READ_AHEAD_BYTES = 96 << 10 };

static const unsigned char PROTOCOL[] = "\x0btallygate/1";
enum { PROTOCOL_BYTES = sizeof PROTOCOL - 1 };

static int select_protocol(
    SSL *session, const unsigned char **chosen, unsigned char *chosen_bytes, const unsigned char *offered,
    unsigned int offered_bytes, void *argument) {
    (void)session;
    (void)argument;
    unsigned char *found = NULL;
    if (SSL_select_next_proto(&found, chosen_bytes, PROTOCOL, PROTOCOL_BYTES, offered, offered_bytes) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context(const char *certificate, const char *key) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1
        || SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(context) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(
        context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD_BYTES);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    return context;
}

SSL *tls_session(SSL_CTX *context, int descriptor) {
    SSL *session = SSL_new(context);
    if (!session || SSL_set_fd(session, descriptor) != 1) {
        SSL_free(session);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(session);
    return session;
}

static tls_result outcome(SSL *session, int result) {
    int error = SSL_get_error(session, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return TLS_WAIT;
    ERR_clear_error();
    return TLS_GONE;
}

tls_result tls_read(SSL *session, void *to, size_t room, size_t *count) {
    int result = SSL_read_ex(session, to, room, count);
    return result == 1 ? TLS_OK : outcome(session, result);
}

tls_result tls_write(SSL *session, const void *from, size_t bytes, size_t *count) {
    int result = SSL_write_ex(session, from, bytes, count);
    return result == 1 ? TLS_OK : outcome(session, result);
}

bool tls_is_ours(const SSL *session) {
    const unsigned char *name = NULL;
    unsigned int bytes = 0;
    SSL_get0_alpn_selected(session, &name, &bytes);
    return bytes == PROTOCOL_BYTES - 1 && memcmp(name, PROTOCOL + 1, bytes) == 0;
}
