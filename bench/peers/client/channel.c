/// See channel.h.
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

SSL_CTX *channel_context(const char *authority) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
        die("cannot use the authority's certificate %s", authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    // Go's servers and OpenSSL's prefer different ciphers; nobody shall win by that.
    if (SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) die("no AES-128-GCM");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

static int socket_connect(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) die("no address %s:%s", host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (fd < 0) die("no more sockets: %s", strerror(errno));
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        die("cannot connect to %s:%s: %s", host, port, strerror(errno));
    freeaddrinfo(found);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

void channel_begin(struct channel *c, SSL_CTX *context, const char *host, const char *port, size_t out_room) {
    memset(c, 0, sizeof *c);
    c->fd = socket_connect(host, port);
    c->ssl = SSL_new(context);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1) die("no TLS session");
    SSL_set_connect_state(c->ssl);
    c->out_room = out_room;
    c->out = need(out_room);
}

/// What a return value of OpenSSL means: 1 go on, 0 wait, -1 the end.
static int meaning(struct channel *c, int result) {
    if (result > 0) return 1;
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_WANT_WRITE: c->wants_write = 1; return 0;
    default: return -1;
    }
}

int channel_step(struct channel *c) {
    c->wants_write = 0;
    ERR_clear_error();
    if (!c->is_open) {
        int way = meaning(c, SSL_do_handshake(c->ssl));
        if (way < 0) {
            const char *why = ERR_reason_error_string(ERR_peek_error());
            die("no TLS 1.3 handshake: %s", why ? why : "the peer closed");
        }
        if (way == 0) return 0;
        c->is_open = 1;
    }
    while (c->out_at < c->out_end) {
        int sent = SSL_write(c->ssl, c->out + c->out_at, (int)(c->out_end - c->out_at));
        int way = meaning(c, sent);
        if (way <= 0) return way;
        c->out_at += (size_t)sent;
    }
    c->out_at = c->out_end = 0;
    return 0;
}

char *channel_append(struct channel *c, size_t count) {
    if (c->out_end + count > c->out_room) {
        memmove(c->out, c->out + c->out_at, c->out_end - c->out_at);
        c->out_end -= c->out_at;
        c->out_at = 0;
    }
    if (c->out_end + count > c->out_room) die("more is in flight than was agreed");
    c->out_end += count;
    return c->out + c->out_end - count;
}

int channel_read(struct channel *c, char *into, int room) {
    ERR_clear_error();
    int received = SSL_read(c->ssl, into, room);
    if (received > 0) return received;
    return meaning(c, received) < 0 ? -1 : 0;
}

void channel_end(struct channel *c) {
    if (c->ssl) SSL_free(c->ssl);
    if (c->fd > 0) close(c->fd);
    free(c->out);
}
