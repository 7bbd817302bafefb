#include "connection.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

enum { CREDIT_EVENTS = 65536, CREDIT_BYTES = 1 << 20, HELLO_BYTES_MIN = HELLO_CREDENTIAL + 1 };

connection *connection_open(connection **all, SSL_CTX *context, int descriptor, uint64_t number) {
    connection *it = calloc(1, sizeof *it);
    SSL *session = it ? tls_session(context, descriptor) : NULL;
    uint8_t *left = session ? malloc(4 + FRAME_BYTES_MAX) : NULL;
    if (!left) {
        SSL_free(session);
        free(it);
        close(descriptor);
        return NULL;
    }
    it->descriptor = descriptor;
    it->session = session;
    it->number = number;
    it->left = left;
    it->link = all;
    it->next = *all;
    if (it->next) it->next->link = &it->next;
    *all = it;
    return it;
}

void connection_close(connection *it) {
    *it->link = it->next;
    if (it->next) it->next->link = it->link;
    SSL_free(it->session);
    close(it->descriptor);
    free(it->left);
    free(it);
}

// Room for an answer of `bytes` bytes with its header written, or null: then the peer is gone.
static uint8_t *answer(connection *it, uint8_t type, uint32_t bytes) {
    if (it->output_bytes + bytes > OUTPUT_BYTES) {
        it->isGone = true;
        return NULL;
    }
    uint8_t *at = it->output + it->output_bytes;
    it->output_bytes += bytes;
    memset(at, 0, bytes);
    store32(at, bytes - 4);
    at[4] = type;
    return at;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Any credential will do. Options are all unknown here, and named in the reply.
static bool greet(connection *it, const uint8_t *frame, uint32_t bytes) {
    if (it->isGreeted || bytes < HELLO_BYTES_MIN || memcmp(frame + FRAME_HEADER, "TALLYGT1", 8) != 0) return false;
    if (!tls_is_ours(it->session)) return false;
    uint32_t at = HELLO_CREDENTIAL + frame[HELLO_CREDENTIAL_LENGTH];
    if (at >= bytes || frame[at] > OPTIONS_MAX) return false;
    uint32_t options = frame[at++];
    uint8_t *to = answer(it, FRAME_WELCOME, WELCOME_BYTES + 2 * options);
    if (!to) return false;
    for (uint32_t option = 0; option < options; option++) {
        if (bytes - at < 4 || bytes - at - 4 < load16(frame + at + 2)) return false;
        store16(to + WELCOME_BYTES + 2 * option, load16(frame + at));
        at += 4u + load16(frame + at + 2);
    }
    if (at != bytes) return false;
    uint8_t *field = to + FRAME_HEADER;
    store16(field, 1);
    store16(field + 2, 1);
    store16(field + 4, load16(frame + HELLO_FLAGS) & 1);
    store32(field + 56, CREDIT_EVENTS);
    store32(field + 60, CREDIT_BYTES);
    store32(field + 64, BATCH_EVENTS_MAX);
    store32(field + 68, BATCH_RAW_BYTES_MAX);
    store64(field + 72, (uint64_t)now_ms());
    store64(field + 88, 1);
    store32(field + 104, 1);
    field[140] = (uint8_t)options;
    it->isGreeted = true;
    return true;
}

static bool take(connection *it, gate *to, const uint8_t *frame, uint32_t bytes) {
    if (!it->isGreeted) return frame[4] == FRAME_HELLO && frame[5] == 0 && greet(it, frame, bytes);
    switch (frame[4]) {
    case FRAME_BATCH:
        if (!gate_take(to, frame, bytes, it->number)) return false;
        it->committed = load64(frame + BATCH_FIRST) + load32(frame + BATCH_COUNT) - 1;
        it->chain = load64(frame + BATCH_CHAIN_AFTER);
        it->isAckDue = true;
        return true;
    case FRAME_PING: {
        if (bytes != PING_BYTES) return false;
        uint8_t *pong = answer(it, FRAME_PONG, PING_BYTES);
        if (pong) memcpy(pong + FRAME_HEADER, frame + FRAME_HEADER, PING_BYTES - FRAME_HEADER);
        return pong != NULL;
    }
    case FRAME_PONG: return bytes == PING_BYTES;
    case FRAME_CLOSE:
        it->isAckDue = true;
        return bytes == CLOSE_BYTES && load64(frame + FRAME_HEADER) == it->committed;
    default: return false;
    }
}

// The bytes of whole frames at `input`, or -1 where one cannot be taken.
static ptrdiff_t take_frames(connection *it, gate *to, const uint8_t *input, size_t bytes) {
    size_t at = 0;
    while (bytes - at >= 4) {
        uint32_t length = load32(input + at);
        if (length < FRAME_LENGTH_MIN || length > (it->isGreeted ? FRAME_BYTES_MAX : HELLO_FRAME_BYTES_MAX)) return -1;
        if (bytes - at < 4 + (size_t)length) break;
        if (!take(it, to, input + at, 4 + length)) return -1;
        at += 4 + (size_t)length;
    }
    return (ptrdiff_t)at;
}

void connection_read(connection *it, gate *to) {
    static uint8_t input[INPUT_BYTES + READ_SLACK];
    size_t bytes = it->left_bytes;
    memcpy(input, it->left, bytes);
    tls_result result = TLS_OK;
    while (result == TLS_OK && !it->isGone) {
        // To the end of what OpenSSL has read from the socket; if there is more, the poll says so.
        bool isMore = true;
        while (isMore && bytes < INPUT_BYTES) {
            size_t count = 0;
            result = tls_read(it->session, input + bytes, INPUT_BYTES - bytes, &count);
            bytes += count;
            isMore = result == TLS_OK && SSL_has_pending(it->session);
        }
        if (result == TLS_GONE) it->isGone = true;
        ptrdiff_t taken = take_frames(it, to, input, bytes);
        if (taken < 0) {
            it->isGone = true;
            break;
        }
        bytes -= (size_t)taken;
        memmove(input, input + taken, bytes);
        if (!isMore) break;
    }
    // Less than a frame: whole ones were taken.
    it->left_bytes = it->isGone ? 0 : bytes;
    memcpy(it->left, input, it->left_bytes);
}

void connection_answer(connection *it) {
    if (it->isAckDue && !it->isGone && it->output_bytes + ACK_BYTES <= OUTPUT_BYTES) {
        uint8_t *ack = answer(it, FRAME_ACK, ACK_BYTES);
        store64(ack + FRAME_HEADER, it->committed);
        store64(ack + FRAME_HEADER + 8, it->chain);
        store32(ack + FRAME_HEADER + 16, CREDIT_EVENTS);
        store32(ack + FRAME_HEADER + 20, CREDIT_BYTES);
        it->isAckDue = false;
    }
    it->isWriteWaiting = false;
    while (it->output_bytes > 0 && !it->isGone) {
        size_t count = 0;
        tls_result result = tls_write(it->session, it->output, it->output_bytes, &count);
        if (result == TLS_GONE) it->isGone = true;
        if (result == TLS_WAIT) {
            it->isWriteWaiting = true;
            break;
        }
        memmove(it->output, it->output + count, it->output_bytes - count);
        it->output_bytes -= count;
    }
}
