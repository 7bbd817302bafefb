/// What both load programs stand on: giving up, the clock, latencies, the pool of messages, the report.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Says why on stderr and ends the program with 1.
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/// Monotonic nanoseconds.
int64_t now_ns(void);

/// User and system time of this process in nanoseconds.
int64_t own_cpu_ns(void);

/// `malloc` that gives up instead of returning NULL.
void *need(size_t bytes);

/// Bytes that the kernel has sent and received on a TCP socket, TLS and retransmissions included.
void socket_bytes(int fd, uint64_t *sent, uint64_t *received);

// A log-linear histogram of nanoseconds: 64 steps an octave, so a figure is at most 1.6 % too high.
enum { HISTOGRAM_STEPS = 64, HISTOGRAM_OCTAVES = 40 };
struct histogram {
    uint64_t counts[HISTOGRAM_STEPS * HISTOGRAM_OCTAVES];
    uint64_t total;
};
void histogram_add(struct histogram *h, int64_t ns);
/// The upper end of the step that holds the given share (0.5, 0.99); 0 without values.
int64_t histogram_at(const struct histogram *h, double share);

/// One batch as a file holds it. `second` is empty but for PostgreSQL, where it is the SQL after the COPY.
struct batch {
    uint32_t events, first_bytes, second_bytes;
    const char *first, *second;
};
/// A file of batches: for each three u32 (events, bytes of the first part, bytes of the second), little-endian, and
/// the parts.
struct pool {
    size_t count, bytes_most;
    struct batch *batches;
};
struct pool pool_read(const char *path);

/// The figures at one edge of the measured window.
struct edge {
    int64_t at_ns, cpu_ns;
    uint64_t messages, events, bytes_sent, bytes_received;
};
struct report {
    struct edge begin, end;
    uint64_t messages_all, events_all, failed;
    const char *cipher;
    const struct histogram *latency;
};
/// One line of JSON on stdout.
void report_print(const struct report *r);

/// Tells whoever started us that the window begins or ends; they read the server's CPU then.
void say(const char *word);

/// Options common to both programs.
struct options {
    const char *host, *port, *authority, *pool, *protocol;
    int connections, in_flight;
    double warmup, seconds;
    uint64_t bytes_max;
};
/// Reads `--name value` pairs from argv[2] on; unknown names end the program.
struct options options_read(int argc, char **argv);
