// The other end of a connection, for what no program of the system does. It has the settings of the product by
// including the product's own header.
//
//     peer update HOST PORT AUTHORITY COUNT   asks COUNT times for new keys; prints "alive" or "ended"
//     peer listen CERTIFICATE KEY             serves the product's TLS on a free port of loopback, without asking for
//                                             an application protocol; prints the port; until its input ends
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim.h"

static void fail(const char *what) {
    fprintf(stderr, "peer: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int dial(const char *host, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("no address");
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    if (plain < 0 || connect(plain, (struct sockaddr *)&address, sizeof address) != 0) fail("nobody answers");
    struct timeval seconds = {.tv_sec = 10};
    setsockopt(plain, SOL_SOCKET, SO_RCVTIMEO, &seconds, sizeof seconds);
    setsockopt(plain, SOL_SOCKET, SO_SNDTIMEO, &seconds, sizeof seconds);
    return plain;
}

/// Asks for new keys as often as told, or until the other side has had enough.
static int update(char **words) {
    static const unsigned char alpn[] = "\x0btallygate/1";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || !tally_ctx_strict(context)) fail("no context");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(context, words[2], NULL) != 1) fail("no authority");
    // Its own bound is not what is tried here.
    SSL_CTX_set_info_callback(context, NULL);
    SSL *session = SSL_new(context);
    if (!session || SSL_set_alpn_protos(session, alpn, sizeof alpn - 1) != 0) fail("no session");
    int plain = dial(words[0], words[1]);
    SSL_set_fd(session, plain);
    if (SSL_connect(session) != 1) fail("no handshake");
    long count = atol(words[3]);
    int is_alive = 1;
    char byte;
    for (long done = 0; done < count && is_alive; done++) {
        if (SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(session) != 1) is_alive = 0;
        // What the other side answers is read, so that it can go on.
        struct pollfd ready = {.fd = plain, .events = POLLIN};
        if (is_alive && poll(&ready, 1, 0) == 1) {
            int got = SSL_read(session, &byte, 1);
            if (got <= 0 && SSL_get_error(session, got) != SSL_ERROR_WANT_READ) is_alive = 0;
        }
    }
    if (is_alive) {
        // The last word of a peer that was cut off is the end of its stream.
        struct pollfd ready = {.fd = plain, .events = POLLIN};
        for (int turn = 0; turn < 100 && is_alive && poll(&ready, 1, 300) == 1; turn++) {
            int got = SSL_read(session, &byte, 1);
            if (got <= 0 && SSL_get_error(session, got) != SSL_ERROR_WANT_READ) is_alive = 0;
        }
    }
    puts(is_alive ? "alive" : "ended");
    return 0;
}

/// One connection after the other: a handshake, and what is sent until the peer is done, at most five seconds.
static int serve(char **words) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || !tally_ctx_strict(context)) fail("no context");
    if (SSL_CTX_use_certificate_chain_file(context, words[0]) != 1) fail("no certificate");
    if (SSL_CTX_use_PrivateKey_file(context, words[1], SSL_FILETYPE_PEM) != 1) fail("no key");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 128) != 0
        || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("no port");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd ready[2] = {{.fd = listener, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 || ready[1].revents != 0) return 0;
        int plain = accept(listener, NULL, NULL);
        if (plain < 0) continue;
        // A process each: scanners hold several connections at once.
        if (fork() == 0) {
            close(listener);
            alarm(10);
            struct timeval seconds = {.tv_sec = 5};
            setsockopt(plain, SOL_SOCKET, SO_RCVTIMEO, &seconds, sizeof seconds);
            SSL *session = SSL_new(context);
            char bytes[4096];
            if (session) {
                SSL_set_fd(session, plain);
                if (SSL_accept(session) == 1) {
                    int got = 1, turns = 0;
                    while (turns++ < 1000 && got > 0) {
                        got = SSL_read(session, bytes, sizeof bytes);
                        if (got <= 0 && SSL_get_error(session, got) == SSL_ERROR_WANT_READ && SSL_has_pending(session))
                            got = 1;
                    }
                    SSL_shutdown(session);
                }
            }
            _exit(0);
        }
        close(plain);
    }
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    if (count == 6 && strcmp(words[1], "update") == 0) return update(words + 2);
    if (count == 4 && strcmp(words[1], "listen") == 0) return serve(words + 2);
    fail("peer update HOST PORT AUTHORITY COUNT | peer listen CERTIFICATE KEY");
}
