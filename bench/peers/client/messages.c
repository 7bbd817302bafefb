/// See messages.h.
#include "messages.h"

enum { WORKSTATIONS = 64, HEAD_MAX = 512, INBOX_BYTES = 9 };

void inbox_write(char *place, int connection, int slot) {
    char digits[INBOX_BYTES + 1 + 8];
    snprintf(digits, sizeof digits, "%04d.%04d", connection % 10000, slot % 10000);
    memcpy(place, digits, INBOX_BYTES);
}

static void head_write(struct message *m, enum protocol protocol, const char *target, size_t workstation,
                       size_t bytes) {
    char *out = m->bytes;
    switch (protocol) {
    case PROTOCOL_NATS:
        m->count = (size_t)snprintf(out, HEAD_MAX, "PUB usage.%02zu _INBOX.", workstation);
        m->inbox_at = m->count;
        m->count += (size_t)snprintf(out + m->count, HEAD_MAX - m->count, "0000.0000 %zu\r\n", bytes);
        return;
    case PROTOCOL_REDIS:
        m->count = (size_t)snprintf(
            out, HEAD_MAX, "*5\r\n$4\r\nXADD\r\n$8\r\nusage:%02zu\r\n$1\r\n*\r\n$1\r\nd\r\n$%zu\r\n", workstation,
            bytes);
        return;
    case PROTOCOL_HTTP:
        m->count = (size_t)snprintf(
            out, HEAD_MAX, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", target, bytes);
        return;
    case PROTOCOL_TLS: die("tls has no messages");
    }
}

struct messages messages_make(const struct pool *pool, enum protocol protocol, const char *target) {
    struct messages all = {.count = pool->count, .all = need(sizeof(struct message) * pool->count)};
    for (size_t i = 0; i < pool->count; i++) {
        const struct batch *batch = &pool->batches[i];
        struct message *m = &all.all[i];
        m->bytes = need(HEAD_MAX + batch->first_bytes + 2);
        m->events = batch->events;
        head_write(m, protocol, target, i % WORKSTATIONS, batch->first_bytes);
        memcpy(m->bytes + m->count, batch->first, batch->first_bytes);
        m->count += batch->first_bytes;
        if (protocol != PROTOCOL_HTTP) {
            memcpy(m->bytes + m->count, "\r\n", 2);
            m->count += 2;
        }
        if (m->count > all.bytes_most) all.bytes_most = m->count;
    }
    return all;
}

size_t greeting_write(enum protocol protocol, int connection, char *out, size_t room) {
    switch (protocol) {
    case PROTOCOL_NATS:
        return (size_t)snprintf(
            out, room, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB _INBOX.%04d.* 1\r\nPING\r\n",
            connection % 10000);
    case PROTOCOL_REDIS: return (size_t)snprintf(out, room, "*1\r\n$4\r\nPING\r\n");
    case PROTOCOL_HTTP: return (size_t)snprintf(out, room, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    case PROTOCOL_TLS: break;
    }
    return 0;
}
