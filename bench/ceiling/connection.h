// One workstation's connection: plaintext to frames, frames to answers.
#ifndef CEILING_CONNECTION_H
#define CEILING_CONNECTION_H
#include "gate.h"
#include "tls.h"

enum {
    // Everything that is answered before the socket takes it; a peer that asks for more is gone.
    OUTPUT_BYTES = 1024,
    // Plaintext of one read: some records and what was left of a frame.
    INPUT_BYTES = 512 << 10,
};

typedef struct connection {
    // All that are open, so that the end can close them.
    struct connection *next, **link;
    int descriptor;
    SSL *session;
    uint64_t number;
    bool isGreeted, isGone, isAckDue, isWriteWaiting;
    uint64_t committed, chain;
    // The beginning of a frame whose end has not come.
    uint8_t *left;
    size_t left_bytes;
    size_t output_bytes;
    uint8_t output[OUTPUT_BYTES];
} connection;

// Takes the descriptor and joins `all`; null without memory, and then the descriptor is closed.
connection *connection_open(connection **all, SSL_CTX *context, int descriptor, uint64_t number);

// Reads all there is and takes its batches. Ends with `isGone` where the peer went or broke a rule.
void connection_read(connection *it, gate *to);

// Behind a commit: acknowledges what came, and sends what is to be sent.
void connection_answer(connection *it);

void connection_close(connection *it);

#endif
