// Faults by chance from one seed, and the switches and the clock that the harness moves while the program runs.
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static struct {
    bool is_on;
    uint64_t seed, after, most, sync_at;
    double chance[FAULT_KINDS];
    long delay_ms;
} faults = {.seed = 1, .most = UINT64_MAX};

static const char *const names[FAULT_KINDS] = {"eio", "enospc", "short", "eintr", "sync", "read"};
static const int numbers[FAULT_KINDS] = {EIO, ENOSPC, 0, EINTR, EIO, EIO};
static _Atomic(uint64_t) calls, given;

struct control {
    _Atomic(int64_t) clock_offset;
    _Atomic(uint32_t) switches;
    _Atomic(uint32_t) delay_ms;
};
static struct control *control;

static void parse_one(const char *item, size_t count) {
    char text[64];
    if (count >= sizeof text) shim_fail("TORTURE_FAULTS: too long an item");
    memcpy(text, item, count);
    text[count] = 0;
    char *value = strchr(text, '=');
    if (value == NULL) shim_fail("TORTURE_FAULTS: an item is not name=value");
    *value++ = 0;
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end);
    if (end == value || *end != 0 || errno != 0 || number < 0) shim_fail("TORTURE_FAULTS: a value is not a number");
    if (strcmp(text, "seed") == 0) { faults.seed = strtoull(value, NULL, 10); return; }
    if (strcmp(text, "after") == 0) { faults.after = strtoull(value, NULL, 10); return; }
    if (strcmp(text, "most") == 0) { faults.most = strtoull(value, NULL, 10); return; }
    if (strcmp(text, "syncat") == 0) { faults.sync_at = strtoull(value, NULL, 10); return; }
    if (strcmp(text, "delay") == 0) { faults.delay_ms = strtol(value, NULL, 10); return; }
    for (int kind = 0; kind < FAULT_KINDS; kind += 1) {
        if (strcmp(text, names[kind]) != 0) continue;
        if (number > 1) shim_fail("TORTURE_FAULTS: a probability is above 1");
        faults.chance[kind] = number;
        if (number > 0) faults.is_on = true;
        return;
    }
    shim_fail("TORTURE_FAULTS: an unknown name");
}

void faults_parse(const char *list) {
    while (*list != 0) {
        size_t count = strcspn(list, ",");
        if (count > 0) parse_one(list, count);
        list += count;
        if (*list == ',') list += 1;
    }
}

void faults_control(const char *file) {
    int descriptor = (int)shim_kernel(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
    struct stat facts;
    if (descriptor < 0 || fstat(descriptor, &facts) != 0 || facts.st_size < 16)
        shim_fail("TORTURE_CONTROL is not a file of 16 bytes");
    long mapped = shim_kernel(SYS_mmap, NULL, (size_t)16, PROT_READ, MAP_SHARED, descriptor, 0L);
    if (mapped == -1) shim_fail("TORTURE_CONTROL cannot be mapped");
    (void)shim_kernel(SYS_close, descriptor);
    control = (struct control *)mapped;
}

uint32_t control_switches(void) {
    return control == NULL ? 0 : atomic_load_explicit(&control->switches, memory_order_acquire);
}

int64_t control_clock_offset(void) {
    return control == NULL ? 0 : atomic_load_explicit(&control->clock_offset, memory_order_acquire);
}

/// SplitMix64: the n-th number of a seed without a state that threads would share.
static uint64_t mixed(uint64_t number) {
    uint64_t word = faults.seed * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u + 0x94d049bb133111ebu;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

bool fault_comes(int kind, uint64_t file, const char *call) {
    uint32_t switches = control_switches();
    if ((kind == FAULT_SYNC && (switches & SWITCH_SYNC)) || (kind == FAULT_ENOSPC && (switches & SWITCH_FULL))) {
        log_add(LOG_FAULT, 0, file, numbers[kind], 7, call, NULL, 0);
        return true;
    }
    if (!faults.is_on) return false;
    uint64_t call_number = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;
    if (faults.chance[kind] <= 0 || call_number <= faults.after || (switches & SWITCH_CALM)) return false;
    if ((double)(mixed(call_number) >> 11) * 0x1p-53 >= faults.chance[kind]) return false;
    if (atomic_fetch_add_explicit(&given, 1, memory_order_relaxed) >= faults.most) return false;
    log_add(LOG_FAULT, 0, file, numbers[kind], kind + 1, call, NULL, 0);
    return true;
}

bool fault_at_sync(uint64_t number, uint64_t file, const char *call) {
    if (number != faults.sync_at) return false;
    log_add(LOG_FAULT, 0, file, EIO, FAULT_SYNC + 1, call, NULL, 0);
    return true;
}

size_t fault_shorten(size_t count) {
    uint64_t number = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;
    return 1 + (size_t)(mixed(number) % (count - 1));
}

void fault_delay_sync(void) {
    long delay = faults.delay_ms;
    if (control != NULL) delay += atomic_load_explicit(&control->delay_ms, memory_order_relaxed);
    struct timespec step = {.tv_nsec = 2000000};
    for (int turn = 0; turn < 30000 && (control_switches() & SWITCH_HOLD); turn += 1)
        (void)shim_kernel(SYS_nanosleep, &step, NULL);
    if (delay <= 0) return;
    struct timespec pause = {.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1000000};
    (void)shim_kernel(SYS_nanosleep, &pause, NULL);
}
