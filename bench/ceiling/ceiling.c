// The ceiling: how fast a gateway on this protocol could be. One thread receives over TLS 1.3, decompresses, decodes
// every column, adds up, appends to one journal, syncs once a round, acknowledges. Nothing else, and that is what a
// figure of the real gateway is to be held against:
//
// - nothing is checked but what memory safety asks for: no canonical form, no ranges, no kinds, no control totals, no
//   chain (an ACK echoes the value that the BATCH named), no sequence, no credit, no credential;
// - there are no tenants, takeovers, refusals, pauses or clocks; a peer's mistake ends its connection without a word;
// - the journal mixes everybody's records, begins again at its front when it is full, and is never read: there is no
//   recovery;
// - sums are kept in memory at the gateway's own bound and end in a grand total: no database, no sessions, no reports.
//
// A benchmark. It must not crash, and it must not be used for anything else.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "options.h"
#include "report.h"

enum { EVENTS_MAX = 1024, CONNECTIONS_MAX = 16384 };

typedef struct {
    int poll, listener, signals;
    SSL_CTX *context;
    gate gate;
    journal journal;
    connection *all;
    uint64_t connections, opened;
    measure measure;
} server;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(const server *it, int descriptor, void *what, int change, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(it->poll, change, descriptor, &event) != 0) fail("ceiling: epoll");
}

static void accept_all(server *it) {
    for (;;) {
        int descriptor = accept4(it->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        int one = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection *fresh = NULL;
        if (it->connections < CONNECTIONS_MAX) fresh = connection_open(&it->all, it->context, descriptor, ++it->opened);
        else close(descriptor);
        if (!fresh) continue;
        it->connections++;
        watch(it, descriptor, fresh, EPOLL_CTL_ADD, EPOLLIN);
    }
}

// One turn: everything that came is taken, then made durable together, then answered. False once a signal asked to end.
static bool round_once(server *it) {
    static struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(it->poll, events, EVENTS_MAX, -1);
    if (count < 0 && errno != EINTR) fail("ceiling: epoll");
    bool isEnding = false;
    uint64_t batches = it->gate.batches;
    for (int index = 0; index < count; index++) {
        void *what = events[index].data.ptr;
        if (what == &it->signals) isEnding = true;
        else if (what == &it->listener) accept_all(it);
        else if (events[index].events & ~(uint32_t)EPOLLOUT) connection_read(what, &it->gate);
    }
    if (it->gate.batches > batches) {
        journal_commit(&it->journal);
        measure_round(&it->measure, &it->gate);
    }
    for (int index = 0; index < count; index++) {
        void *what = events[index].data.ptr;
        if (what == &it->signals || what == &it->listener) continue;
        connection *at = what;
        bool wasWaiting = at->isWriteWaiting;
        connection_answer(at);
        if (at->isGone) {
            connection_close(at);
            it->connections--;
        } else if (at->isWriteWaiting != wasWaiting) {
            watch(it, at->descriptor, at, EPOLL_CTL_MOD, EPOLLIN | (at->isWriteWaiting ? EPOLLOUT : 0));
        }
    }
    return !isEnding;
}

static void listen_on(server *it, struct sockaddr_in address) {
    it->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(it->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t bytes = sizeof address;
    if (bind(it->listener, (const struct sockaddr *)&address, bytes) != 0 || listen(it->listener, 4096) != 0
        || getsockname(it->listener, (struct sockaddr *)&address, &bytes) != 0)
        fail("ceiling: listen");
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf("listening on %s:%u\n", host, ntohs(address.sin_port));
    fflush(stdout);
}

int main(int count, char **arguments) {
    static server it;
    options chosen = options_read(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    it.signals = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
    it.poll = epoll_create1(EPOLL_CLOEXEC);
    if (it.signals < 0 || it.poll < 0) fail("ceiling: epoll");
    it.context = tls_context(chosen.certificate, chosen.key);
    it.gate.table = table_make();
    it.gate.journal = &it.journal;
    journal_open(&it.journal, chosen.journal, chosen.journal_bytes, chosen.isSynced);
    listen_on(&it, chosen.address);
    watch(&it, it.signals, &it.signals, EPOLL_CTL_ADD, EPOLLIN);
    watch(&it, it.listener, &it.listener, EPOLL_CTL_ADD, EPOLLIN);
    while (round_once(&it)) continue;
    while (it.all) connection_close(it.all);
    SSL_CTX_free(it.context);
    table_drain(it.gate.table, true);
    if (chosen.isReported) report(&it.measure, &it.gate);
    return 0;
}
