/// One TLS 1.3 connection that never blocks, with a bounded buffer of what is still to be sent.
#pragma once

#include <openssl/ssl.h>

#include "base.h"

struct channel {
    int fd;
    SSL *ssl;
    char *out;
    size_t out_at, out_end, out_room;
    int is_open, wants_write;
};

/// TLS 1.3 alone, the server's certificate checked against `authority`, one cipher for every peer.
SSL_CTX *channel_context(const char *authority);

/// Connects; the handshake goes on in `channel_step`. `out_room` bounds what may wait to be sent.
void channel_begin(struct channel *c, SSL_CTX *context, const char *host, const char *port, size_t out_room);

/// Goes on with the handshake and sends what waits. Returns -1 if the peer is gone.
int channel_step(struct channel *c);

/// Room for `count` bytes at the end of what waits; the caller fills it.
char *channel_append(struct channel *c, size_t count);

/// Bytes received, 0 if there are none now, -1 if the peer is gone.
int channel_read(struct channel *c, char *into, int room);

void channel_end(struct channel *c);
