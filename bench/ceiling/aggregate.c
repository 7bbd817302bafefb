#include "aggregate.h"

enum { KIND_USAGE = 0, KIND_CORRECTION = 1, QUARTER_MS = 900000 };

// The cell that the last row of a session went to, so that most rows need no hash.
typedef struct {
    uint64_t tag;
    cell *cell;
} session_cell;

typedef struct {
    cell_table *table;
    const body *body;
    uint64_t workstation;
    const uint8_t *kinds, *agents, *origins;
    const uint32_t *lanes[TOKEN_LANES], *tools;
    const uint64_t *reported;
    uint64_t quarter, quarter_start;
    // Project, model, agent and origin of each row in 31 bits.
    uint32_t small[ROWS];
    uint32_t labels[BATCH_EVENTS_MAX];
    session_cell sessions[BATCH_EVENTS_MAX];
} work;

static const uint8_t *enums(const body *from, unsigned id) {
    return body_has(from, id) ? from->enums[id] : NO_ENUMS;
}

static const uint32_t *counts(const body *from, unsigned id) {
    return body_has(from, id) ? from->counts[id - COUNT_FIRST] : NO_COUNTS;
}

static void set_id(uint64_t *words, const dictionary *from, uint32_t number) {
    words[0] = words[1] = 0;
    if (from->hasAbsent && number == 0) return;
    memcpy(words, from->ids + 16 * (number - from->hasAbsent), 16);
}

static __attribute__((noinline)) cell *find(work *it, uint32_t row) {
    const body *from = it->body;
    cell_key key;
    set_id(key.words, &from->session, from->session.indices[row]);
    set_id(key.words + 2, &from->project, from->project.indices[row]);
    key.words[4] = it->quarter << 32 | it->labels[from->model.indices[row]];
    key.words[5] = it->workstation;
    key.words[6] = (uint64_t)it->agents[row] << 8 | it->origins[row];
    return table_cell(it->table, &key);
}

static inline cell *cell_of(work *it, uint32_t row) {
    uint64_t time = it->body->time[row];
    if (time - it->quarter_start >= QUARTER_MS) {
        it->quarter = time / QUARTER_MS;
        it->quarter_start = it->quarter * QUARTER_MS;
    }
    session_cell *last = &it->sessions[it->body->session.indices[row]];
    uint64_t tag = it->quarter << 32 | it->small[row];
    if (last->tag != tag) {
        last->tag = tag;
        last->cell = find(it, row);
    }
    return last->cell;
}

static inline void add_scalars(work *it, cell *to, uint32_t row, bool isUsage) {
    uint64_t time = it->body->time[row];
    to->events += isUsage;
    to->tools += it->tools[row];
    if (it->reported && it->reported[row]) to->reported += it->reported[row] - 1;
    to->first_ms = time < to->first_ms ? time : to->first_ms;
    to->last_ms = time > to->last_ms ? time : to->last_ms;
}

static inline void add_row(work *it, uint32_t row) {
    uint8_t kind = it->kinds[row];
    if (kind > KIND_CORRECTION) return;
    cell *to = cell_of(it, row);
    for (unsigned lane = 0; lane < TOKEN_LANES; lane++) to->lanes[lane] += it->lanes[lane][row];
    add_scalars(it, to, row, kind == KIND_USAGE);
}

#if CEILING_WIDE
// Eight rows at once: eight columns of eight numbers are turned into eight rows of eight, and each row is one addition.
static inline void add_eight(work *it, uint32_t row) {
    __m256i c[8], p[8], q[8];
    for (unsigned lane = 0; lane < 8; lane++) c[lane] = _mm256_loadu_si256((const void *)(it->lanes[lane] + row));
    for (unsigned i = 0; i < 8; i += 2) {
        p[i] = _mm256_unpacklo_epi32(c[i], c[i + 1]);
        p[i + 1] = _mm256_unpackhi_epi32(c[i], c[i + 1]);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        q[i] = _mm256_unpacklo_epi64(p[i], p[i + 2]);
        q[i + 1] = _mm256_unpackhi_epi64(p[i], p[i + 2]);
        q[i + 2] = _mm256_unpacklo_epi64(p[i + 1], p[i + 3]);
        q[i + 3] = _mm256_unpackhi_epi64(p[i + 1], p[i + 3]);
    }
    for (unsigned i = 0; i < 8; i++) {
        __m256i numbers = i < 4 ? _mm256_permute2x128_si256(q[i], q[i + 4], 0x20)
                                : _mm256_permute2x128_si256(q[i - 4], q[i], 0x31);
        if (it->kinds[row + i] > KIND_CORRECTION) continue;
        cell *to = cell_of(it, row + i);
        __m512i sums = _mm512_load_si512((const void *)to->lanes);
        _mm512_store_si512((void *)to->lanes, _mm512_add_epi64(sums, _mm512_cvtepu32_epi64(numbers)));
        add_scalars(it, to, row + i, it->kinds[row + i] == KIND_USAGE);
    }
}
#endif

static void prepare(work *it, cell_table *table, const body *from, uint64_t workstation) {
    it->table = table;
    it->body = from;
    it->workstation = workstation;
    it->kinds = enums(from, COLUMN_KIND);
    it->agents = enums(from, COLUMN_AGENT);
    it->origins = enums(from, COLUMN_ORIGIN);
    for (unsigned lane = 0; lane < TOKEN_LANES; lane++) it->lanes[lane] = counts(from, COUNT_FIRST + lane);
    it->tools = counts(from, COLUMN_TOOL_CALLS);
    it->reported = body_has(from, COLUMN_REPORTED_COST_NANO_USD) ? from->reported : NULL;
    it->quarter = it->quarter_start = 0;
    for (uint32_t row = 0; row < from->rows; row++) {
        it->small[row] = (uint32_t)from->project.indices[row] << 19 | (uint32_t)from->model.indices[row] << 7
            | (uint32_t)(it->agents[row] & 15) << 3 | (it->origins[row] & 7);
    }
    // Of no label, which is no label's number.
    it->labels[0] = UINT32_MAX;
    for (uint32_t number = from->model.hasAbsent; number < from->model.numbers; number++) {
        it->labels[number] = labels_number(
            &table->labels, from->model.labels[number - from->model.hasAbsent], table->key_first);
    }
    for (uint32_t number = 0; number < from->session.numbers; number++) it->sessions[number].tag = UINT64_MAX;
}

void aggregate(cell_table *table, const body *from, uint64_t workstation) {
    static work it;
    prepare(&it, table, from, workstation);
    uint32_t row = 0;
#if CEILING_WIDE
    for (; row + 8 <= from->rows; row += 8) add_eight(&it, row);
#endif
    for (; row < from->rows; row++) add_row(&it, row);
    table_drain(table, false);
}
