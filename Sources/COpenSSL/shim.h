// OpenSSL's function-like macros and stack macros, made into functions that Swift can import. Everything here
// is `static inline`, so the module has nothing to link but OpenSSL itself.
#ifndef TALLY_COPENSSL_SHIM_H
#define TALLY_COPENSSL_SHIM_H
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// MARK: Digests

/// SHA-256, looked up once and kept until the process ends: to find it takes as long as to hash a short text. NULL where
/// this OpenSSL has none.
static inline const EVP_MD *tally_sha256(void) {
    static EVP_MD *kept;
    EVP_MD *found = __atomic_load_n(&kept, __ATOMIC_ACQUIRE);
    if (found != NULL) return found;
    found = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD *none = NULL;
    if (found == NULL || __atomic_compare_exchange_n(&kept, &none, found, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return found;
    // Another thread was first.
    EVP_MD_free(found);
    return none;
}

/// The first half of an HMAC-SHA256 over a byte and a text. `blocks` are the key's two of 64 bytes: xor 0x36, xor 0x5c.
typedef struct {
    uint64_t high;
    uint64_t low;
    int is_made;
} tally_half_digest;

static inline uint64_t tally_big_endian(const unsigned char *bytes) {
    uint64_t word = 0;
    for (int index = 0; index < 8; index++) word = word << 8 | bytes[index];
    return word;
}

static inline tally_half_digest tally_hmac_sha256(
    const unsigned char *blocks, unsigned char first, const void *text, size_t count) {
    tally_half_digest half = {0, 0, 0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const EVP_MD *hash = tally_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (hash != NULL && context != NULL && EVP_DigestInit_ex(context, hash, NULL) == 1
        && EVP_DigestUpdate(context, blocks, 64) == 1 && EVP_DigestUpdate(context, &first, 1) == 1
        && EVP_DigestUpdate(context, text, count) == 1 && EVP_DigestFinal_ex(context, digest, &length) == 1
        && EVP_DigestInit_ex(context, hash, NULL) == 1 && EVP_DigestUpdate(context, blocks + 64, 64) == 1
        && EVP_DigestUpdate(context, digest, length) == 1 && EVP_DigestFinal_ex(context, digest, &length) == 1) {
        half.high = tally_big_endian(digest);
        half.low = tally_big_endian(digest + 8);
        half.is_made = 1;
    }
    EVP_MD_CTX_free(context);
    return half;
}

// MARK: TLS

/// The key exchanges of ours, the preferred one first: with the post-quantum hybrid where this OpenSSL has it (3.5).
static inline int tally_ctx_groups(SSL_CTX *context) {
    if (SSL_CTX_set1_groups_list(context, "X25519MLKEM768:X25519:P-256:P-384") == 1) return 1;
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

/// Counts, in the session's application data, what the peer's handshake layer says after the handshake: new keys.
/// TLS 1.3 sets no bound to that, and each costs us more than it costs the peer.
static inline void tally_count_late_messages(const SSL *session, int where, int value) {
    (void)value;
    if ((where & SSL_CB_LOOP) == 0 || SSL_get_state(session) != TLS_ST_OK) return;
    size_t count = (size_t)SSL_get_ex_data(session, 0) + 1;
    (void)SSL_set_ex_data((SSL *)session, 0, (void *)count);
}
static inline size_t tally_late_messages(const SSL *session) { return (size_t)SSL_get_ex_data(session, 0); }

/// Whether a server's session waits for the rest of a hello whose first record has come: then the hello is larger
/// than a record, and OpenSSL has made room for all that its header claims, up to 128 KB.
static inline int tally_waits_within_hello(const SSL *session) {
    return SSL_get_state(session) == TLS_ST_SR_CLNT_HELLO;
}

/// What every context of ours has, whichever side, and whatever the system's configuration says: TLS 1.3 alone, the key
/// exchanges and ciphers named here, no tickets, no resumption, no early data, small idle buffers.
static inline int tally_ctx_strict(SSL_CTX *context) {
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) return 0;
    if (SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1) return 0;
    if (SSL_CTX_set_ciphersuites(context,
                                 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") != 1)
        return 0;
    if (tally_ctx_groups(context) != 1) return 0;
    // Keys and signatures of at least 112 bits: RSA from 2,048 on, no SHA-1.
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    if (SSL_CTX_set_num_tickets(context, 0) != 1) return 0;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(context, 0);
    // Nor is any skipped: whoever sends some is refused.
    SSL_CTX_set_recv_max_early_data(context, 0);
    // A chain of a dozen certificates.
    SSL_CTX_set_max_cert_list(context, 64 << 10);
    SSL_CTX_set_info_callback(context, tally_count_late_messages);
    // Otherwise a read goes on for as long as the peer sends nothing but new keys.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    return 1;
}

/// A list with one protocol name of `count` bytes (1...255) in the form of the wire: its length, then itself.
typedef struct {
    unsigned int count;
    unsigned char bytes[256];
} tally_alpn_list;

static inline int tally_alpn_select(SSL *session, const unsigned char **chosen, unsigned char *chosen_count,
                                    const unsigned char *offered, unsigned int offered_count, void *argument) {
    (void)session;
    const tally_alpn_list *ours = (const tally_alpn_list *)argument;
    unsigned char *found = NULL;
    if (SSL_select_next_proto(&found, chosen_count, ours->bytes, ours->count, offered, offered_count) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/// Refuses a hello without ALPN, for which the selection is never asked. A hello that does not speak TLS 1.3
/// goes on: OpenSSL refuses it with the alert that says so.
static inline int tally_hello_requires_alpn(SSL *session, int *alert, void *argument) {
    (void)argument;
    const unsigned char *bytes = NULL;
    size_t count = 0;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_supported_versions, &bytes, &count) != 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &count) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/// `list` must live as long as the context.
static inline void tally_ctx_require_alpn(SSL_CTX *context, tally_alpn_list *list) {
    SSL_CTX_set_alpn_select_cb(context, tally_alpn_select, list);
    SSL_CTX_set_client_hello_cb(context, tally_hello_requires_alpn, NULL);
}

/// Overwrites each record's plaintext once it has been read: it would stay in a buffer that is freed, and so in memory
/// that anything may be given. Costs some 0.035 ns a byte, a sixth of what it costs to decrypt it.
static inline void tally_ctx_cleanse(SSL_CTX *context) { SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT); }

static inline int tally_ctx_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int tally_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

static inline int tally_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int tally_error_is_system(unsigned long code) { return ERR_SYSTEM_ERROR(code) != 0; }

// MARK: Key log

/// Adds one line in one call, so that lines of two threads do not mix. A line that cannot be written is lost: what looks
/// on must not hold a handshake up.
static inline void tally_write_key_line(const SSL *session, const char *line) {
    int kept = errno;
    int descriptor = (int)(intptr_t)SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));
    struct iovec parts[2] = {{(void *)line, strlen(line)}, {(void *)"\n", 1}};
    ssize_t written = writev(descriptor, parts, 2);
    (void)written;
    errno = kept;
}

/// `descriptor` must stay open as long as any session of the context.
static inline void tally_ctx_log_keys(SSL_CTX *context, int descriptor) {
    SSL_CTX_set_app_data(context, (void *)(intptr_t)descriptor);
    SSL_CTX_set_keylog_callback(context, tally_write_key_line);
}

// MARK: Memory

#if defined(__linux__)
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/// Whether what this thread frees for OpenSSL is overwritten: during handshakes and where a session ends, when a
/// stranger's hello, or what came in its place, is in it.
static _Thread_local int tally_wipes_memory = 0;

static inline void tally_wiping_free(void *block, const char *file, int line) {
    (void)file;
    (void)line;
    // Not OPENSSL_cleanse, which goes eight bytes at a time: a twentieth of a handshake.
    if (block != NULL && tally_wipes_memory) explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static inline void *tally_wiping_malloc(size_t count, const char *file, int line) {
    (void)file;
    (void)line;
    return malloc(count);
}

static inline void *tally_wiping_realloc(void *block, size_t count, const char *file, int line) {
    if (block == NULL || !tally_wipes_memory) return realloc(block, count);
    size_t held = malloc_usable_size(block);
    // A block that is large enough stays where it is; another one would leave the first behind.
    if (held >= count) return block;
    void *larger = malloc(count);
    if (larger == NULL) return NULL;
    memcpy(larger, block, held);
    tally_wiping_free(block, file, line);
    return larger;
}

/// 1 if OpenSSL has taken these functions, which it does only before it has asked for any memory.
static inline int tally_memory_install(void) {
    return CRYPTO_set_mem_functions(tally_wiping_malloc, tally_wiping_realloc, tally_wiping_free);
}
static inline void tally_memory_wipes(int wipes) { tally_wipes_memory = wipes; }
#else
static inline int tally_memory_install(void) { return 0; }
static inline void tally_memory_wipes(int wipes) { (void)wipes; }
#endif

// MARK: Certificates

static inline EVP_PKEY *tally_make_p256_key(void) { return EVP_EC_gen("P-256"); }

static inline long tally_bio_bytes(BIO *memory, char **bytes) { return BIO_get_mem_data(memory, bytes); }

static inline int tally_last_pem_error_is_end(void) {
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/// Adds one extension in OpenSSL's configuration syntax. `issuer` may be the certificate itself.
static inline int tally_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline GENERAL_NAMES *tally_alternative_names(X509 *certificate) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}
static inline int tally_name_count(GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
/// 1 for a DNS name, 2 for an IP address, 0 for anything else; points at the bytes inside `names`.
static inline int tally_name_at(GENERAL_NAMES *names, int index, const unsigned char **bytes, int *count) {
    GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    ASN1_STRING *text = NULL;
    int kind = 0;
    if (name->type == GEN_DNS) {
        kind = 1;
        text = name->d.dNSName;
    } else if (name->type == GEN_IPADD) {
        kind = 2;
        text = name->d.iPAddress;
    }
    if (text == NULL) return 0;
    *bytes = ASN1_STRING_get0_data(text);
    *count = ASN1_STRING_length(text);
    return kind;
}
static inline void tally_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
#endif
