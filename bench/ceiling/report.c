#include "report.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t nanoseconds(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

void measure_round(measure *it, const gate *from) {
    struct rusage usage;
    struct timespec now;
    getrusage(RUSAGE_SELF, &usage);
    clock_gettime(CLOCK_MONOTONIC, &now);
    it->last.user = nanoseconds(usage.ru_utime);
    it->last.system = nanoseconds(usage.ru_stime);
    it->last.wall = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    it->last.events = from->events;
    if (it->rounds++ == 0) it->first = it->last;
}

static void print_number(const char *name, uint64_t value) {
    printf("\"%s\": %llu, ", name, (unsigned long long)value);
}

void report(const measure *it, const gate *from) {
    static const char *LANES[TOKEN_LANES] = {
        "input_tokens",  "cache_read_tokens",  "cache_write_5m_tokens", "cache_write_1h_tokens",
        "cache_write_unknown_tokens", "output_tokens", "reasoning_tokens", "web_searches"};
    const grand_total *total = &from->table->total;
    uint64_t tokens = 0;
    // Reasoning is part of the output.
    for (unsigned lane = 0; lane < 6; lane++) tokens += total->lanes[lane];
    printf("{");
    print_number("events", from->events);
    print_number("batches", from->batches);
    print_number("rounds", it->rounds);
    print_number("syncs", from->journal->syncs);
    print_number("tokens", tokens);
    print_number("reported_nano_usd", total->reported);
    for (unsigned lane = 0; lane < TOKEN_LANES; lane++) print_number(LANES[lane], total->lanes[lane]);
    print_number("tool_calls", total->tools);
    print_number("usage_events", total->events);
    print_number("cells", total->cells);
    print_number("drains", total->drains);
    print_number("raw_bytes", from->raw_bytes);
    print_number("body_bytes", from->body_bytes);
    print_number("journal_bytes", from->journal->bytes);
    double events = (double)(it->last.events - it->first.events);
    double seconds = (double)(it->last.wall - it->first.wall) / 1e9;
    double user = (double)(it->last.user - it->first.user), system = (double)(it->last.system - it->first.system);
    if (events == 0) events = seconds = 1, user = system = 0;
    printf("\"seconds\": %.3f, \"events_per_second\": %.0f, ", seconds, events / seconds);
    printf("\"user_ns_per_event\": %.2f, \"system_ns_per_event\": %.2f, ", user / events, system / events);
    printf("\"cpu_ns_per_event\": %.2f}\n", (user + system) / events);
}
