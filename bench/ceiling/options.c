#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

static const char USAGE[] =
    "usage: ceiling --listen HOST:PORT --cert FILE --key FILE --journal FILE [--journal-mb N]\n"
    "               [--no-sync] [--stats]\n"
    "  --listen   an IPv4 address; port 0 is any, and it is printed\n"
    "  --journal  written over; 256 MB, or as many as --journal-mb says (a multiple of 4, at most 65536)\n"
    "  --no-sync  acknowledge without fdatasync\n"
    "  --stats    one line of JSON at the end (SIGTERM)\n";

static void refuse(const char *what) {
    fprintf(stderr, "ceiling: %s\n%s", what, USAGE);
    exit(64);
}

static struct sockaddr_in address_of(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) refuse("--listen wants HOST:PORT");
    memcpy(host, text, (size_t)(colon - text));
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || end == colon + 1 || *end != 0 || port > 65535)
        refuse("--listen wants HOST:PORT");
    address.sin_port = htons((uint16_t)port);
    return address;
}

options options_read(int count, char **arguments) {
    options result = {.isSynced = true};
    const char *listen = NULL, *megabytes = NULL;
    const struct {
        const char *name;
        const char **value;
    } named[] = {
        {"--listen", &listen},
        {"--cert", &result.certificate},
        {"--key", &result.key},
        {"--journal", &result.journal},
        {"--journal-mb", &megabytes},
    };
    for (int at = 1; at < count; at++) {
        const char **value = NULL;
        for (size_t index = 0; index < sizeof named / sizeof named[0]; index++) {
            if (strcmp(arguments[at], named[index].name) == 0) value = named[index].value;
        }
        if (value && at + 1 < count) *value = arguments[++at];
        else if (strcmp(arguments[at], "--no-sync") == 0) result.isSynced = false;
        else if (strcmp(arguments[at], "--stats") == 0) result.isReported = true;
        else refuse("an argument that it does not know, or one without its value");
    }
    if (!listen || !result.certificate || !result.key || !result.journal) refuse("four arguments are needed");
    unsigned long size = megabytes ? strtoul(megabytes, NULL, 10) : JOURNAL_BYTES >> 20;
    if (size < 4 || size % 4 != 0 || size > 65536) refuse("--journal-mb wants a multiple of 4");
    result.journal_bytes = (uint64_t)size << 20;
    result.address = address_of(listen);
    return result;
}
