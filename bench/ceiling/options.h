// The command line.
#ifndef CEILING_OPTIONS_H
#define CEILING_OPTIONS_H
#include <netinet/in.h>
#include <stdbool.h>

typedef struct {
    struct sockaddr_in address;
    const char *certificate, *key, *journal;
    uint64_t journal_bytes;
    bool isSynced, isReported;
} options;

// Exits with 64 and a message where it is not understood.
options options_read(int count, char **arguments);

#endif
