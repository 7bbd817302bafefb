/// The load client of PostgreSQL: each batch is one transaction of COPY and, if the pool has it, the upsert of the
/// batch's sums. libpq without blocking, one thread, one epoll.
///
///     load_pg run  --port N --authority ca.pem --pool FILE --connections 64 --seconds 10
///     load_pg idle --port N --authority ca.pem --connections 50
///
/// COPY cannot be pipelined, so a connection has one batch in flight, and there are as many connections as others have
/// batches in flight. The same lines are printed as by `load`.
#include <errno.h>
#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base.h"

enum { EVENTS_MAX = 256, DRAIN_SECONDS = 30, SQL_MAX = 1 << 18 };

struct connection {
    PGconn *pg;
    int64_t sent_at;
    size_t next_batch;
    const struct batch *batch;
    int is_copied, is_bad, epoll_mask;
};
enum phase { PHASE_WARMUP, PHASE_WINDOW, PHASE_DRAIN };
struct client {
    struct options options;
    struct pool pool;
    struct connection *connections;
    int epoll;
    enum phase phase;
    uint64_t in_flight, bytes_appended;
    struct edge now;
    struct report report;
    struct histogram latency;
};

/// Takes the batch's sums as arrays, so that nothing is parsed or planned again.
static const char *prepare =
    "PREPARE up(bigint[], text[], uuid[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]) AS "
    "INSERT INTO totals AS t SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "ON CONFLICT (quarter, model, session) DO UPDATE SET events = t.events + excluded.events, "
    "input_tokens = t.input_tokens + excluded.input_tokens, "
    "cache_read_tokens = t.cache_read_tokens + excluded.cache_read_tokens, "
    "cache_write_5m_tokens = t.cache_write_5m_tokens + excluded.cache_write_5m_tokens, "
    "cache_write_1h_tokens = t.cache_write_1h_tokens + excluded.cache_write_1h_tokens, "
    "output_tokens = t.output_tokens + excluded.output_tokens, "
    "reasoning_tokens = t.reasoning_tokens + excluded.reasoning_tokens";

static void watch(struct client *client, struct connection *c, int wants_write) {
    int mask = EPOLLIN | (wants_write ? EPOLLOUT : 0);
    if (mask == c->epoll_mask) return;
    struct epoll_event event = {.events = (uint32_t)mask, .data.ptr = c};
    int verb = c->epoll_mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(client->epoll, verb, PQsocket(c->pg), &event) != 0) die("epoll: %s", strerror(errno));
    c->epoll_mask = mask;
}

static void flush(struct client *client, struct connection *c) {
    int left = PQflush(c->pg);
    if (left < 0) die("PostgreSQL: %s", PQerrorMessage(c->pg));
    watch(client, c, left);
}

static void send_next(struct client *client, struct connection *c) {
    static char sql[SQL_MAX];
    if (client->bytes_appended >= client->options.bytes_max) return;
    c->batch = &client->pool.batches[c->next_batch];
    c->next_batch = (c->next_batch + (size_t)client->options.connections) % client->pool.count;
    int length = snprintf(sql, sizeof sql, "BEGIN;COPY usage FROM STDIN;%.*s%sCOMMIT", (int)c->batch->second_bytes,
                          c->batch->second, c->batch->second_bytes ? ";" : "");
    if (length >= SQL_MAX) die("a batch's sums are longer than %d bytes", SQL_MAX);
    c->sent_at = now_ns();
    c->is_copied = c->is_bad = 0;
    if (!PQsendQuery(c->pg, sql)) die("PostgreSQL: %s", PQerrorMessage(c->pg));
    client->in_flight++;
    client->bytes_appended += c->batch->first_bytes + (size_t)length;
    flush(client, c);
}

static void copy(struct client *client, struct connection *c) {
    if (c->is_copied) die("PostgreSQL asks twice for a batch");
    c->is_copied = 1;
    if (PQputCopyData(c->pg, c->batch->first, (int)c->batch->first_bytes) != 1 || PQputCopyEnd(c->pg, NULL) != 1)
        die("PostgreSQL: %s", PQerrorMessage(c->pg));
    flush(client, c);
}

/// The transaction's last result was read: COMMIT is answered, and the server waits for the next.
static void finished(struct client *client, struct connection *c) {
    client->in_flight--;
    if (c->is_bad) {
        if (client->report.failed++ > 1000) die("more than 1,000 batches were refused");
    } else {
        client->now.messages++;
        client->now.events += c->batch->events;
        if (client->phase == PHASE_WINDOW) histogram_add(&client->latency, now_ns() - c->sent_at);
    }
    c->batch = NULL;
    if (client->phase != PHASE_DRAIN) send_next(client, c);
}

static void step(struct client *client, struct connection *c) {
    if (!PQconsumeInput(c->pg)) die("PostgreSQL: %s", PQerrorMessage(c->pg));
    flush(client, c);
    while (c->batch && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        if (!result) {
            finished(client, c);
            continue;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR) {
            c->is_bad = 1;
            if (client->report.failed == 0) fprintf(stderr, "load_pg: %s\n", PQresultErrorMessage(result));
        }
        PQclear(result);
        // While it waits for the data libpq gives this result again and again.
        if (status == PGRES_COPY_IN) {
            copy(client, c);
            continue;
        }
    }
}

static void turn(struct client *client, int64_t until) {
    struct epoll_event events[EVENTS_MAX];
    int64_t left = (until - now_ns()) / 1000000;
    int count = epoll_wait(client->epoll, events, EVENTS_MAX, left < 0 ? 0 : left > 100 ? 100 : (int)left);
    if (count < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) step(client, events[i].data.ptr);
}

static void open_all(struct client *client) {
    const struct options *o = &client->options;
    char how[512];
    snprintf(how, sizeof how,
             "host=%s port=%s dbname=postgres user=tally sslmode=verify-ca sslrootcert=%s "
             "ssl_min_protocol_version=TLSv1.3",
             o->host, o->port, o->authority);
    client->connections = need(sizeof(struct connection) * (size_t)o->connections);
    for (int i = 0; i < o->connections; i++) {
        struct connection *c = &client->connections[i];
        c->pg = PQconnectdb(how);
        if (PQstatus(c->pg) != CONNECTION_OK) die("PostgreSQL: %s", PQerrorMessage(c->pg));
        const char *tls = PQsslAttribute(c->pg, "protocol");
        if (!tls || strcmp(tls, "TLSv1.3")) die("PostgreSQL without TLS 1.3");
        PGresult *result = PQexec(c->pg, prepare);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) die("PostgreSQL: %s", PQerrorMessage(c->pg));
        PQclear(result);
        if (PQsetnonblocking(c->pg, 1) != 0) die("libpq cannot do without blocking");
        c->next_batch = client->pool.count ? (size_t)i % client->pool.count : 0;
        watch(client, c, 0);
    }
}

static struct edge edge_now(struct client *client) {
    struct edge edge = client->now;
    for (int i = 0; i < client->options.connections; i++)
        socket_bytes(PQsocket(client->connections[i].pg), &edge.bytes_sent, &edge.bytes_received);
    edge.cpu_ns = own_cpu_ns();
    edge.at_ns = now_ns();
    return edge;
}

static void run(struct client *client) {
    const struct options *o = &client->options;
    client->pool = pool_read(o->pool);
    open_all(client);
    for (int i = 0; i < o->connections; i++) send_next(client, &client->connections[i]);
    int64_t begin = now_ns() + (int64_t)(o->warmup * 1e9);
    while (now_ns() < begin) turn(client, begin);
    client->report.begin = edge_now(client);
    client->phase = PHASE_WINDOW;
    say("begin");
    int64_t end = now_ns() + (int64_t)(o->seconds * 1e9);
    while (now_ns() < end && client->bytes_appended < o->bytes_max) turn(client, end);
    client->report.end = edge_now(client);
    client->phase = PHASE_DRAIN;
    say("end");
    int64_t limit = now_ns() + DRAIN_SECONDS * 1000000000ll;
    while (client->in_flight > 0 && now_ns() < limit) turn(client, limit);
    if (client->in_flight > 0) die("%llu batches were never answered", (unsigned long long)client->in_flight);
    client->report.messages_all = client->now.messages;
    client->report.events_all = client->now.events;
    client->report.latency = &client->latency;
    client->report.cipher = PQsslAttribute(client->connections[0].pg, "cipher");
    report_print(&client->report);
}

int main(int argc, char **argv) {
    static struct client client;
    if (argc < 2) die("say run or idle");
    client.options = options_read(argc, argv);
    client.epoll = epoll_create1(0);
    if (client.epoll < 0) die("no epoll");
    if (!strcmp(argv[1], "run")) {
        run(&client);
    } else if (!strcmp(argv[1], "idle")) {
        char byte;
        open_all(&client);
        say("ready");
        while (read(0, &byte, 1) > 0) continue;
    } else {
        die("say run or idle");
    }
    return 0;
}
