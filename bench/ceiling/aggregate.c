#include "aggregate.h"

enum { KIND_USAGE = 0, KIND_CORRECTION = 1, QUARTER_MS = 900000 };

// A key of this batch and the cell that it names.
typedef struct {
    cell_key key;
    uint64_t hash;
    cell *cell;
    // The row that it was met in, and that row's quarter-hour.
    uint64_t quarter;
    uint32_t row;
} reference;

// The reference that the last row of a session has, so that most rows need no hash.
typedef struct {
    uint64_t tag;
    uint64_t number;
} session_last;

typedef struct {
    cell_table *table;
    const body *body;
    uint64_t workstation;
    const uint8_t *kinds, *agents, *origins;
    const uint32_t *lanes[TOKEN_LANES], *tools;
    const uint64_t *reported;
    // Project, model, agent and origin of each row in 31 bits.
    uint32_t small[ROWS];
    uint32_t labels[BATCH_EVENTS_MAX];
    session_last sessions[BATCH_EVENTS_MAX];
    // Each row's reference.
    uint16_t numbers[ROWS];
    uint32_t count;
    reference references[BATCH_EVENTS_MAX];
} work;

static const uint8_t *enums(const body *from, unsigned id) {
    return body_has(from, id) ? from->enums[id] : NO_ENUMS;
}

static const uint32_t *counts(const body *from, unsigned id) {
    return body_has(from, id) ? from->counts[id - COUNT_FIRST] : NO_COUNTS;
}

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
    const uint16_t *projects = from->project.indices, *models = from->model.indices;
    for (uint32_t row = 0; row < from->rows; row++) {
        it->small[row] = (uint32_t)projects[row] << 19 | (uint32_t)models[row] << 7
            | (uint32_t)(it->agents[row] & 15) << 3 | (it->origins[row] & 7);
    }
    // Of no label, which is no label's number.
    it->labels[0] = UINT32_MAX;
    for (uint32_t number = from->model.hasAbsent; number < from->model.numbers; number++) {
        it->labels[number] = labels_number(
            table->labels, from->model.labels[number - from->model.hasAbsent], table->key_first);
    }
    for (uint32_t number = 0; number < from->session.numbers; number++) it->sessions[number].tag = UINT64_MAX;
}

static inline void set_id(uint64_t *words, const uint8_t *ids, bool hasAbsent, uint32_t number) {
    if (hasAbsent && number == 0) return;
    const uint8_t *id = ids + 16 * (number - hasAbsent);
    words[0] = load64(id);
    words[1] = load64(id + 8);
}

// Writes the references' keys, and has the slots fetched that they hash to.
static void set_keys(work *it) {
    const body *from = it->body;
    const cell_table table = *it->table;
    const uint16_t *sessions = from->session.indices, *projects = from->project.indices;
    const uint16_t *models = from->model.indices;
    const uint8_t *agents = it->agents, *origins = it->origins;
    const uint8_t *session_ids = from->session.ids, *project_ids = from->project.ids;
    const uint64_t workstation = it->workstation;
    for (uint32_t number = 0, count = it->count; number < count; number++) {
        reference *to = &it->references[number];
        uint32_t row = to->row;
        cell_key key = {{0}};
        set_id(key.words, session_ids, from->session.hasAbsent, sessions[row]);
        set_id(key.words + 2, project_ids, from->project.hasAbsent, projects[row]);
        key.words[4] = to->quarter << 32 | it->labels[models[row]];
        key.words[5] = workstation;
        key.words[6] = (uint64_t)agents[row] << 8 | origins[row];
        to->key = key;
        to->hash = table_hash(&table, &key);
    }
}

// Numbers the keys of the rows, in the order in which they come.
static void number_keys(work *it) {
    const body *from = it->body;
    const uint16_t *sessions = from->session.indices;
    uint64_t quarter = 0, quarter_start = 0;
    uint32_t count = 0;
    for (uint32_t row = 0; row < from->rows; row++) {
        uint64_t time = from->time[row];
        if (time - quarter_start >= QUARTER_MS) {
            quarter = time / QUARTER_MS;
            quarter_start = quarter * QUARTER_MS;
        }
        session_last *last = &it->sessions[sessions[row]];
        uint64_t tag = quarter << 32 | it->small[row];
        if (last->tag != tag) {
            last->tag = tag;
            last->number = count;
            it->references[count].row = row;
            it->references[count].quarter = quarter;
            count++;
        }
        it->numbers[row] = (uint16_t)last->number;
    }
    it->count = count;
}

// Finds the cells of all rows, each key once and as a rule once a batch.
static void find_cells(work *it) {
    number_keys(it);
    set_keys(it);
    for (uint32_t number = 0; number < it->count; number++) table_prefetch(it->table, it->references[number].hash);
    for (uint32_t number = 0; number < it->count; number++) {
        reference *at = &it->references[number];
        at->cell = table_cell(it->table, &at->key, at->hash);
    }
}

static inline cell *cell_of(const work *it, uint32_t row) { return it->references[it->numbers[row]].cell; }

static inline void add_row(const work *it, uint32_t row) {
    if (it->kinds[row] > KIND_CORRECTION) return;
    cell *to = cell_of(it, row);
    uint64_t time = it->body->time[row];
    for (unsigned lane = 0; lane < TOKEN_LANES; lane++) to->lanes[lane] += it->lanes[lane][row];
    to->events += it->kinds[row] == KIND_USAGE;
    to->tools += it->tools[row];
    to->not_first_ms = ~time > to->not_first_ms ? ~time : to->not_first_ms;
    to->last_ms = time > to->last_ms ? time : to->last_ms;
}

#if CEILING_WIDE
// Eight columns of eight numbers, turned into eight rows of eight.
static inline void turn(const work *it, uint32_t row, __m256i *rows) {
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
    for (unsigned i = 0; i < 4; i++) {
        rows[i] = _mm256_permute2x128_si256(q[i], q[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2x128_si256(q[i], q[i + 4], 0x31);
    }
}

// Eight rows of usage: each is one addition of eight words, one of two, and one comparison of two.
static inline void add_eight(const work *it, uint32_t row) {
    __m256i rows[8];
    turn(it, row, rows);
    const __m128i second = _mm_set_epi64x(0, -1);
    const uint64_t *times = it->body->time + row;
    for (unsigned i = 0; i < 8; i++) {
        cell *to = cell_of(it, row + i);
        __m512i sums = _mm512_load_si512((const void *)to->lanes);
        _mm512_store_si512((void *)to->lanes, _mm512_add_epi64(sums, _mm512_cvtepu32_epi64(rows[i])));
        __m128i *pairs = (__m128i *)(void *)&to->events;
        pairs[0] = _mm_add_epi64(pairs[0], _mm_set_epi64x((int64_t)it->tools[row + i], 1));
        __m128i time = _mm_xor_si128(_mm_set1_epi64x((int64_t)times[i]), second);
        pairs[1] = _mm_max_epu64(pairs[1], time);
    }
}
#endif

void aggregate(cell_table *table, const body *from, uint64_t workstation) {
    static work it;
    prepare(&it, table, from, workstation);
    find_cells(&it);
    uint32_t row = 0;
#if CEILING_WIDE
    if (!body_has(from, COLUMN_KIND)) {
        for (; row + 8 <= from->rows; row += 8) add_eight(&it, row);
    }
#endif
    for (; row < from->rows; row++) add_row(&it, row);
    if (it.reported) {
        for (row = 0; row < from->rows; row++) {
            bool isCounted = it.reported[row] != 0 && it.kinds[row] <= KIND_CORRECTION;
            cell_of(&it, row)->reported += isCounted ? it.reported[row] - 1 : 0;
        }
    }
    table_drain(table, false);
}
