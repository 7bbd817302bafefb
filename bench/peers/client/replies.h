/// Reads what a server answers, in pieces of any size: NATS, Redis (RESP) and HTTP/1.1. Opens no socket.
#pragma once

#include <stddef.h>

enum protocol { PROTOCOL_NATS, PROTOCOL_REDIS, PROTOCOL_HTTP, PROTOCOL_TLS };

/// The protocol of that name; ends the program if there is none. `tls` is a handshake and nothing more.
enum protocol protocol_named(const char *name);

enum reply_kind {
    REPLY_DONE,    ///< a message was taken; `slot` says which, or -1: the oldest
    REPLY_FAILED,  ///< a message was turned away
    REPLY_PING,    ///< NATS asks for a sign of life
};
struct reply {
    enum reply_kind kind;
    int slot;
    /// Of a refusal: the server's own words, cut short.
    const char *text;
};
typedef void reply_taker(void *context, const struct reply *reply);

enum { REPLY_LINE_MAX = 16384, REPLY_BODY_MAX = 4096 };
enum reply_state { STATE_LINE, STATE_BODY };
struct replies {
    enum protocol protocol;
    enum reply_state state;
    /// Bytes of the body that are still to come, and those of it that are kept to be looked at.
    size_t body_left, body_kept;
    size_t line_bytes;
    /// Of HTTP: the status of the answer whose head is being read, and its length; status 0 between answers.
    int status;
    size_t content_length;
    int slot;
    char line[REPLY_LINE_MAX];
    char body[REPLY_BODY_MAX + 1];
};

void replies_begin(struct replies *r, enum protocol protocol);

/// Hands every whole reply in the bytes so far to `take`. Returns 0, or -1 if this is not the protocol.
int replies_feed(struct replies *r, const char *bytes, size_t count, reply_taker *take, void *context);
