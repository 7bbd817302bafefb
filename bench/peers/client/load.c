/// The load client of NATS, Redis and HTTP: connections × messages in flight over TLS 1.3, one thread, one epoll.
///
///     load run   --protocol nats --port N --authority ca.pem --pool FILE --connections 16 --in-flight 4 --seconds 10
///     load idle  --protocol redis --port N --authority ca.pem --connections 1000
///     load parse nats < REPLIES
///
/// `run` prints `begin` and `end` at the edges of its window, so that the starter can read the server's CPU time, then
/// a line of JSON. `idle` opens connections, prints `ready` and keeps them until its standard input ends. `parse` cuts
/// what it reads in two at every place and prints what its reader makes of each.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel.h"
#include "messages.h"
#include "replies.h"

enum { READ_BYTES = 65536, EVENTS_MAX = 256, HANDSHAKES_MAX = 64, DRAIN_SECONDS = 30 };

struct slot {
    int64_t sent_at;
    uint32_t events;
    int is_busy;
};
struct connection {
    struct channel channel;
    struct replies replies;
    int number, is_greeted, epoll_mask;
    struct slot *slots;
    /// The slots in flight from the oldest on, as a ring.
    int *order;
    int order_at, order_count;
    size_t next_message;
    struct client *client;
};
enum phase { PHASE_OPENING, PHASE_WARMUP, PHASE_WINDOW, PHASE_DRAIN };
struct client {
    struct options options;
    enum protocol protocol;
    struct messages messages;
    struct connection *connections;
    int epoll, ready;
    enum phase phase;
    uint64_t in_flight, bytes_appended;
    struct edge now;
    struct report report;
    struct histogram latency;
};

static void send_next(struct connection *c, int slot) {
    struct client *client = c->client;
    if (client->bytes_appended >= client->options.bytes_max) return;
    const struct message *m = &client->messages.all[c->next_message];
    c->next_message = (c->next_message + (size_t)client->options.connections) % client->messages.count;
    char *place = channel_append(&c->channel, m->count);
    memcpy(place, m->bytes, m->count);
    if (m->inbox_at) inbox_write(place + m->inbox_at, c->number, slot);
    c->slots[slot] = (struct slot){.sent_at = now_ns(), .events = m->events, .is_busy = 1};
    c->order[(c->order_at + c->order_count++) % client->options.in_flight] = slot;
    client->in_flight++;
    client->bytes_appended += m->count;
}

/// Takes a slot out of the ring. It is the first of it but where NATS answers out of turn.
static void order_remove(struct connection *c, int slot) {
    int room = c->client->options.in_flight, place = 0;
    while (place < c->order_count && c->order[(c->order_at + place) % room] != slot) place++;
    if (place == c->order_count) die("an answer to nothing");
    for (; place > 0; place--)
        c->order[(c->order_at + place) % room] = c->order[(c->order_at + place - 1) % room];
    c->order_at = (c->order_at + 1) % room;
    c->order_count--;
}

static void greeted(struct connection *c) {
    c->is_greeted = 1;
    c->client->ready++;
}

static void took(void *context, const struct reply *reply) {
    struct connection *c = context;
    struct client *client = c->client;
    if (reply->kind == REPLY_PING) {
        memcpy(channel_append(&c->channel, 6), "PONG\r\n", 6);
        return;
    }
    if (!c->is_greeted) {
        if (reply->kind == REPLY_FAILED) die("the greeting was refused: %s", reply->text);
        greeted(c);
        return;
    }
    if (reply->kind == REPLY_FAILED) {
        if (client->report.failed++ == 0) fprintf(stderr, "load: refused: %s\n", reply->text);
        // A refusal without end is no measurement.
        if (client->report.failed > 1000) die("more than 1,000 messages were refused");
    }
    if (c->order_count == 0) die("an answer to nothing: %s", reply->text);
    int slot = reply->slot >= 0 ? reply->slot : c->order[c->order_at];
    if (slot >= client->options.in_flight || !c->slots[slot].is_busy) die("an answer to nothing");
    order_remove(c, slot);
    c->slots[slot].is_busy = 0;
    client->in_flight--;
    if (reply->kind == REPLY_DONE) {
        client->now.messages++;
        client->now.events += c->slots[slot].events;
        if (client->phase == PHASE_WINDOW) histogram_add(&client->latency, now_ns() - c->slots[slot].sent_at);
    }
    if (client->phase == PHASE_WARMUP || client->phase == PHASE_WINDOW) send_next(c, slot);
}

static void watch(struct connection *c) {
    int mask = EPOLLIN | (c->channel.wants_write ? EPOLLOUT : 0);
    if (mask == c->epoll_mask) return;
    struct epoll_event event = {.events = (uint32_t)mask, .data.ptr = c};
    int verb = c->epoll_mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(c->client->epoll, verb, c->channel.fd, &event) != 0) die("epoll: %s", strerror(errno));
    c->epoll_mask = mask;
}

static void step(struct connection *c) {
    static char bytes[READ_BYTES];
    int was_open = c->channel.is_open;
    if (channel_step(&c->channel) < 0) die("connection %d was closed", c->number);
    if (!was_open && c->channel.is_open) {
        size_t greeting = greeting_write(c->client->protocol, c->number, bytes, sizeof bytes);
        if (greeting == 0) greeted(c);
        else memcpy(channel_append(&c->channel, greeting), bytes, greeting);
    }
    int received = 0;
    while (c->channel.is_open && (received = channel_read(&c->channel, bytes, READ_BYTES)) > 0) {
        if (c->client->protocol == PROTOCOL_TLS) continue;
        if (replies_feed(&c->replies, bytes, (size_t)received, took, c) != 0)
            die("connection %d: not an answer of this protocol: %.80s", c->number, c->replies.line);
    }
    if (received < 0) die("connection %d was closed by the server", c->number);
    if (c->channel.is_open && channel_step(&c->channel) < 0) die("connection %d was closed", c->number);
    watch(c);
}

static void turn(struct client *client, int64_t until) {
    struct epoll_event events[EVENTS_MAX];
    int64_t left = (until - now_ns()) / 1000000;
    int count = epoll_wait(client->epoll, events, EVENTS_MAX, left < 0 ? 0 : left > 100 ? 100 : (int)left);
    if (count < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) step(events[i].data.ptr);
}

static void open_all(struct client *client, size_t out_room) {
    const struct options *o = &client->options;
    SSL_CTX *context = channel_context(o->authority);
    client->connections = need(sizeof(struct connection) * (size_t)o->connections);
    int64_t limit = now_ns() + 120ll * 1000000000;
    for (int begun = 0; client->ready < o->connections;) {
        // A few handshakes at a time: a server's queue of new connections is short.
        for (; begun < o->connections && begun - client->ready < HANDSHAKES_MAX; begun++) {
            struct connection *c = &client->connections[begun];
            c->client = client;
            c->number = begun;
            c->next_message = client->messages.count ? (size_t)begun % client->messages.count : 0;
            c->slots = need(sizeof(struct slot) * (size_t)o->in_flight);
            c->order = need(sizeof(int) * (size_t)o->in_flight);
            replies_begin(&c->replies, client->protocol);
            channel_begin(&c->channel, context, o->host, o->port, out_room);
            step(c);
        }
        if (now_ns() > limit) die("%d of %d connections are open after two minutes", client->ready, o->connections);
        turn(client, now_ns() + 10000000);
    }
}

static struct edge edge_now(struct client *client) {
    struct edge edge = client->now;
    edge.bytes_sent = edge.bytes_received = 0;
    for (int i = 0; i < client->options.connections; i++)
        socket_bytes(client->connections[i].channel.fd, &edge.bytes_sent, &edge.bytes_received);
    edge.cpu_ns = own_cpu_ns();
    edge.at_ns = now_ns();
    return edge;
}

static void run(struct client *client) {
    const struct options *o = &client->options;
    struct pool pool = pool_read(o->pool);
    // "http:/path" names what is posted to.
    const char *target = strchr(o->protocol, ':');
    client->messages = messages_make(&pool, client->protocol, target ? target + 1 : "/");
    open_all(client, (client->messages.bytes_most + 16) * (size_t)o->in_flight + 1024);
    client->phase = PHASE_WARMUP;
    for (int i = 0; i < o->connections; i++) {
        for (int slot = 0; slot < o->in_flight; slot++) send_next(&client->connections[i], slot);
        step(&client->connections[i]);
    }
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
    if (client->in_flight > 0) die("%llu messages were never answered", (unsigned long long)client->in_flight);
    client->report.messages_all = client->now.messages;
    client->report.events_all = client->now.events;
    client->report.latency = &client->latency;
    client->report.cipher = SSL_get_cipher_name(client->connections[0].channel.ssl);
    report_print(&client->report);
}

static void idle(struct client *client) {
    client->options.in_flight = 1;
    open_all(client, 1024);
    say("ready");
    char byte;
    while (read(0, &byte, 1) > 0) continue;
}

static void count_reply(void *context, const struct reply *reply) {
    long *counts = context;
    counts[reply->kind]++;
    counts[3] = counts[3] * 31 + reply->slot + 2;
}

/// Prints one line a cut: where, then taken, refused, pings and a sum over the slots in order, or `bad`.
static void parse(enum protocol protocol) {
    static char bytes[READ_BYTES];
    static struct replies replies;
    size_t count = fread(bytes, 1, sizeof bytes, stdin);
    for (size_t cut = 0; cut <= count; cut++) {
        long counts[4] = {0};
        replies_begin(&replies, protocol);
        int bad = replies_feed(&replies, bytes, cut, count_reply, counts) != 0 ||
                  replies_feed(&replies, bytes + cut, count - cut, count_reply, counts) != 0;
        if (bad) printf("%zu bad\n", cut);
        else printf("%zu %ld %ld %ld %ld\n", cut, counts[0], counts[1], counts[2], counts[3]);
    }
}

int main(int argc, char **argv) {
    static struct client client;
    if (argc == 3 && !strcmp(argv[1], "parse")) {
        parse(protocol_named(argv[2]));
        return 0;
    }
    if (argc < 2) die("say run, idle or parse");
    client.options = options_read(argc, argv);
    char name[16] = {0};
    strncpy(name, client.options.protocol, sizeof name - 1);
    name[strcspn(name, ":")] = 0;
    client.protocol = protocol_named(name);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    client.epoll = epoll_create1(0);
    if (client.epoll < 0) die("no epoll");
    if (!strcmp(argv[1], "run")) run(&client);
    else if (!strcmp(argv[1], "idle")) idle(&client);
    else die("say run, idle or parse");
    return 0;
}
