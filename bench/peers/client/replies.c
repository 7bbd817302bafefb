/// See replies.h. A state is a line that is being gathered, or a body of known length.
#include "replies.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"

enum { TEXT_MAX = 160, LENGTH_MAX = 1 << 24 };

enum protocol protocol_named(const char *name) {
    if (!strcmp(name, "nats")) return PROTOCOL_NATS;
    if (!strcmp(name, "redis")) return PROTOCOL_REDIS;
    if (!strcmp(name, "http")) return PROTOCOL_HTTP;
    if (!strcmp(name, "tls")) return PROTOCOL_TLS;
    die("no protocol is called %s", name);
}

void replies_begin(struct replies *r, enum protocol protocol) {
    memset(r, 0, sizeof *r);
    r->protocol = protocol;
}

static void give(reply_taker *take, void *context, enum reply_kind kind, int slot, char *text) {
    if (text && strlen(text) > TEXT_MAX) text[TEXT_MAX] = 0;
    struct reply reply = {.kind = kind, .slot = slot, .text = text ? text : ""};
    take(context, &reply);
}

/// A decimal number of a line, or -1.
static long length_of(const char *text) {
    char *end = NULL;
    if (*text < '0' || *text > '9') return -1;
    long value = strtol(text, &end, 10);
    return *end == 0 && value <= LENGTH_MAX ? value : -1;
}

static void body_begin(struct replies *r, size_t bytes) {
    r->state = STATE_BODY;
    r->body_left = bytes;
    r->body_kept = 0;
}

// NATS: "MSG subject sid [reply] bytes", the payload, and a line end. The subject ends with the slot's number.
static int nats_line(struct replies *r, reply_taker *take, void *context) {
    char *line = r->line;
    if (!strncmp(line, "MSG ", 4)) {
        char *last = strrchr(line, ' '), *end = strchr(line + 4, ' ');
        if (!end || last <= end) return -1;
        long bytes = length_of(last + 1);
        *end = 0;
        char *dot = strrchr(line, '.');
        long slot = dot ? length_of(dot + 1) : -1;
        if (bytes < 0 || slot < 0) return -1;
        r->slot = (int)slot;
        body_begin(r, (size_t)bytes + 2);
        return 0;
    }
    if (!strcmp(line, "PING")) give(take, context, REPLY_PING, -1, NULL);
    else if (!strcmp(line, "PONG")) give(take, context, REPLY_DONE, -1, NULL);
    else if (!strncmp(line, "-ERR", 4)) give(take, context, REPLY_FAILED, -1, line);
    else if (strncmp(line, "INFO ", 5) && strcmp(line, "+OK")) return -1;
    return 0;
}

// Redis: "+text", "-error", ":number", or "$bytes" and a body with its line end.
static int redis_line(struct replies *r, reply_taker *take, void *context) {
    char *line = r->line;
    switch (line[0]) {
    case '+':
    case ':': give(take, context, REPLY_DONE, -1, NULL); return 0;
    case '-': give(take, context, REPLY_FAILED, -1, line); return 0;
    case '$': {
        if (!strcmp(line, "$-1")) {
            give(take, context, REPLY_FAILED, -1, line);
            return 0;
        }
        long bytes = length_of(line + 1);
        if (bytes < 0) return -1;
        body_begin(r, (size_t)bytes + 2);
        return 0;
    }
    default: return -1;
    }
}

static void http_done(struct replies *r, reply_taker *take, void *context) {
    int status = r->status;
    r->status = 0;
    r->body[r->body_kept] = 0;
    give(take, context, status / 100 == 2 ? REPLY_DONE : REPLY_FAILED, -1, r->body);
}

// HTTP: a status line, headers, an empty line, a body of Content-Length. Nothing here is answered in chunks.
static int http_line(struct replies *r, reply_taker *take, void *context) {
    char *line = r->line;
    if (r->status == 0) {
        if (strncmp(line, "HTTP/1.1 ", 9) || strlen(line) < 12) return -1;
        r->status = atoi(line + 9);
        r->content_length = 0;
        r->body_kept = 0;
        return r->status >= 200 && r->status < 600 ? 0 : -1;
    }
    if (line[0] == 0) {
        if (r->content_length) body_begin(r, r->content_length);
        else http_done(r, take, context);
        return 0;
    }
    if (!strncasecmp(line, "transfer-encoding:", 18)) return -1;
    if (!strncasecmp(line, "content-length:", 15)) {
        const char *value = line + 15;
        while (*value == ' ') value++;
        long bytes = length_of(value);
        if (bytes < 0) return -1;
        r->content_length = (size_t)bytes;
    }
    return 0;
}

static int line_done(struct replies *r, reply_taker *take, void *context) {
    if (r->line_bytes && r->line[r->line_bytes - 1] == '\r') r->line_bytes--;
    r->line[r->line_bytes] = 0;
    r->line_bytes = 0;
    switch (r->protocol) {
    case PROTOCOL_NATS: return nats_line(r, take, context);
    case PROTOCOL_REDIS: return redis_line(r, take, context);
    case PROTOCOL_HTTP: return http_line(r, take, context);
    default: return -1;
    }
}

static int body_done(struct replies *r, reply_taker *take, void *context) {
    r->state = STATE_LINE;
    r->body[r->body_kept] = 0;
    if (r->protocol == PROTOCOL_HTTP) {
        http_done(r, take, context);
        return 0;
    }
    // Both others end a body with a line end; one that does not means that we have lost count.
    if (r->body_kept < 2 || (r->body_kept < REPLY_BODY_MAX && strcmp(r->body + r->body_kept - 2, "\r\n"))) return -1;
    if (r->protocol == PROTOCOL_NATS) {
        // A JetStream acknowledgement names the sequence, a refusal holds an error.
        int good = strstr(r->body, "\"seq\":") && !strstr(r->body, "\"error\"");
        give(take, context, good ? REPLY_DONE : REPLY_FAILED, r->slot, r->body);
        return 0;
    }
    give(take, context, REPLY_DONE, -1, NULL);
    return 0;
}

int replies_feed(struct replies *r, const char *bytes, size_t count, reply_taker *take, void *context) {
    size_t at = 0;
    while (at < count) {
        size_t left = count - at;
        if (r->state == STATE_BODY) {
            size_t n = left < r->body_left ? left : r->body_left, room = REPLY_BODY_MAX - r->body_kept;
            memcpy(r->body + r->body_kept, bytes + at, n < room ? n : room);
            r->body_kept += n < room ? n : room;
            r->body_left -= n;
            at += n;
            if (r->body_left == 0 && body_done(r, take, context) != 0) return -1;
            continue;
        }
        const char *end = memchr(bytes + at, '\n', left);
        size_t n = end ? (size_t)(end - (bytes + at)) : left;
        if (r->line_bytes + n >= REPLY_LINE_MAX) return -1;
        memcpy(r->line + r->line_bytes, bytes + at, n);
        r->line_bytes += n;
        at += n + (end ? 1 : 0);
        if (end && line_done(r, take, context) != 0) return -1;
    }
    return 0;
}
