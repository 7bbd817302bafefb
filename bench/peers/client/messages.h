/// The batches of a pool as the bytes that each protocol wants, made once before the clock runs.
#pragma once

#include "base.h"
#include "replies.h"

struct message {
    char *bytes;
    size_t count;
    /// Where eight digits stand that name connection and slot ("0012.0003"); 0: nowhere.
    size_t inbox_at;
    uint32_t events;
};
struct messages {
    size_t count, bytes_most;
    struct message *all;
};

/// `target` is the path that HTTP posts to. One subject or key a
/// workstation: batch i is of workstation i mod 64.
struct messages messages_make(const struct pool *pool, enum protocol protocol, const char *target);

/// Writes the digits of `inbox_at` into a copy of a message.
void inbox_write(char *place, int connection, int slot);

/// What a connection says first; the answer to it shows that it is open. Returns the bytes written.
size_t greeting_write(enum protocol protocol, int connection, char *out, size_t room);
