/// See base.h.
#include "base.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t own_cpu_ns(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000;
    return (us + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

void *need(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) die("no memory for %zu bytes", bytes);
    return memory;
}

void socket_bytes(int fd, uint64_t *sent, uint64_t *received) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) die("the kernel does not count a socket's bytes");
    *sent += info.tcpi_bytes_sent;
    *received += info.tcpi_bytes_received;
}

// Values below 64 have a step each; above, the highest bit names the octave and the next six bits the step.
static size_t step_of(uint64_t value) {
    if (value < HISTOGRAM_STEPS) return value;
    int octave = 63 - __builtin_clzll(value) - 5;
    size_t step = (size_t)octave * HISTOGRAM_STEPS + ((value >> (octave - 1)) & (HISTOGRAM_STEPS - 1));
    size_t last = HISTOGRAM_STEPS * HISTOGRAM_OCTAVES - 1;
    return step < last ? step : last;
}

void histogram_add(struct histogram *h, int64_t ns) {
    h->counts[step_of(ns < 0 ? 0 : (uint64_t)ns)]++;
    h->total++;
}

int64_t histogram_at(const struct histogram *h, double share) {
    if (h->total == 0) return 0;
    uint64_t wanted = (uint64_t)(share * (double)h->total + 0.999999), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_STEPS * HISTOGRAM_OCTAVES; i++) {
        seen += h->counts[i];
        if (seen < wanted || h->counts[i] == 0) continue;
        size_t octave = i / HISTOGRAM_STEPS, step = i % HISTOGRAM_STEPS;
        if (octave == 0) return (int64_t)step;
        return (int64_t)((HISTOGRAM_STEPS + step + 1) << (octave - 1)) - 1;
    }
    return 0;
}

static char *file_read(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot read %s", path);
    if (fseek(file, 0, SEEK_END) != 0) die("cannot read %s", path);
    long size = ftell(file);
    rewind(file);
    if (size <= 0) die("%s is empty", path);
    char *memory = need((size_t)size);
    if (fread(memory, 1, (size_t)size, file) != (size_t)size) die("cannot read %s", path);
    fclose(file);
    *bytes = (size_t)size;
    return memory;
}

struct pool pool_read(const char *path) {
    enum { HEAD = 12, BATCHES_MAX = 1 << 20 };
    size_t bytes = 0, at = 0;
    const char *data = file_read(path, &bytes);
    struct pool pool = {0};
    pool.batches = need(sizeof(struct batch) * (bytes / HEAD + 1));
    while (at < bytes) {
        struct batch batch;
        uint32_t head[3];
        if (bytes - at < HEAD || pool.count == BATCHES_MAX) die("%s is not a pool of batches", path);
        memcpy(head, data + at, HEAD);
        at += HEAD;
        if ((uint64_t)head[1] + head[2] > bytes - at) die("%s ends within a batch", path);
        batch.events = head[0];
        batch.first_bytes = head[1];
        batch.second_bytes = head[2];
        batch.first = data + at;
        batch.second = data + at + head[1];
        at += (size_t)head[1] + head[2];
        if (head[1] > pool.bytes_most) pool.bytes_most = head[1];
        pool.batches[pool.count++] = batch;
    }
    return pool;
}

void say(const char *word) {
    puts(word);
    fflush(stdout);
}

void report_print(const struct report *r) {
    printf("{\"seconds\": %.6f, \"messages\": %llu, \"events\": %llu, \"client_cpu_ns\": %lld,",
           (double)(r->end.at_ns - r->begin.at_ns) / 1e9, (unsigned long long)(r->end.messages - r->begin.messages),
           (unsigned long long)(r->end.events - r->begin.events), (long long)(r->end.cpu_ns - r->begin.cpu_ns));
    printf(" \"bytes_sent\": %llu, \"bytes_received\": %llu,",
           (unsigned long long)(r->end.bytes_sent - r->begin.bytes_sent),
           (unsigned long long)(r->end.bytes_received - r->begin.bytes_received));
    printf(" \"p50_ns\": %lld, \"p99_ns\": %lld, \"messages_all\": %llu, \"events_all\": %llu, \"failed\": %llu,",
           (long long)histogram_at(r->latency, 0.5), (long long)histogram_at(r->latency, 0.99),
           (unsigned long long)r->messages_all, (unsigned long long)r->events_all, (unsigned long long)r->failed);
    printf(" \"cipher\": \"%s\"}\n", r->cipher);
    fflush(stdout);
}

struct options options_read(int argc, char **argv) {
    struct options o = {.host = "127.0.0.1", .port = "", .authority = "", .pool = "", .protocol = "",
                        .connections = 16, .in_flight = 4, .warmup = 1, .seconds = 10, .bytes_max = 1ull << 40};
    for (int i = 2; i < argc; i += 2) {
        const char *name = argv[i];
        if (i + 1 >= argc) die("%s needs a value", name);
        const char *value = argv[i + 1];
        if (!strcmp(name, "--port")) o.port = value;
        else if (!strcmp(name, "--authority")) o.authority = value;
        else if (!strcmp(name, "--pool")) o.pool = value;
        else if (!strcmp(name, "--protocol")) o.protocol = value;
        else if (!strcmp(name, "--connections")) o.connections = atoi(value);
        else if (!strcmp(name, "--in-flight")) o.in_flight = atoi(value);
        else if (!strcmp(name, "--warmup")) o.warmup = atof(value);
        else if (!strcmp(name, "--seconds")) o.seconds = atof(value);
        else if (!strcmp(name, "--bytes-max")) o.bytes_max = strtoull(value, NULL, 10);
        else die("unknown option %s", name);
    }
    if (o.connections < 1 || o.connections > 19000) die("--connections is 1 to 19000");
    if (o.in_flight < 1 || o.in_flight > 1024) die("--in-flight is 1 to 1024");
    if (o.seconds <= 0 || o.seconds > 3600 || o.warmup < 0) die("--seconds is above 0 and at most 3600");
    return o;
}
