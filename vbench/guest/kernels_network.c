/* Workloads of the network family over sockets; the latency of each operation is kept for percentiles. */
#define _GNU_SOURCE
#include "kernels.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* --- tcp request and response of one byte over a connection that stands --- */

enum { ROUND_TRIPS = 1 << 20 };
static int rr_socket = -1;
static uint64_t *round_trips_ns;
static uint64_t round_trip_count;

/* One clock read an operation: the end of one is the start of the next. */
static uint64_t keep_until_now(uint64_t before) {
    uint64_t after = now_ns();
    round_trips_ns[round_trip_count++ % ROUND_TRIPS] = after - before;
    return after;
}

void vb_rr_free(void) {
    if (rr_socket >= 0) close(rr_socket);
    free(round_trips_ns);
    round_trips_ns = NULL;
    rr_socket = -1;
}

static int rr_connect(const struct sockaddr_in *peer) {
    struct timeval limit = {5, 0};
    int on = 1;
    rr_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (rr_socket < 0) return errno;
    if (setsockopt(rr_socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) ||
        setsockopt(rr_socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
        setsockopt(rr_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on))
        return errno;
    if (connect(rr_socket, (const struct sockaddr *)peer, sizeof *peer)) return errno == EINPROGRESS ? ETIMEDOUT : errno;
    return 0;
}

int vb_rr_init(const char *address, int port) {
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    vb_rr_free();
    if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) return EINVAL;
    round_trips_ns = calloc(ROUND_TRIPS, sizeof *round_trips_ns);
    int problem = round_trips_ns ? rr_connect(&peer) : ENOMEM;
    if (problem) vb_rr_free();
    return problem;
}

static int rr_once(void) {
    char byte = 'x';
    int problem = exactly_one(send(rr_socket, &byte, 1, MSG_NOSIGNAL));
    if (!problem) problem = exactly_one(recv(rr_socket, &byte, 1, 0));
    return problem == EAGAIN ? ETIMEDOUT : problem;
}

int vb_rr(uint64_t loops, double *seconds) {
    if (rr_socket < 0) return ENOTCONN;
    uint64_t start = now_ns(), before = start;
    for (uint64_t i = 0; i < loops; i++) {
        int problem = rr_once();
        if (problem) return problem;
        before = keep_until_now(before);
    }
    *seconds = (double)(before - start) * 1e-9;
    return 0;
}

void vb_rr_forget(void) { round_trip_count = 0; }

uint64_t vb_rr_taken(void) { return round_trip_count; }

uint64_t vb_rr_copy(uint64_t *out, uint64_t limit) { /* the round trips since vb_rr_forget, the last 2^20 at most */
    uint64_t count = round_trip_count < ROUND_TRIPS ? round_trip_count : ROUND_TRIPS;
    if (!round_trips_ns) return 0;
    if (count > limit) count = limit;
    memcpy(out, round_trips_ns, count * sizeof *out);
    return count;
}

/* --- tcp connections, one after another: each is accepted, gets one byte, and is reset ---
 *
 * The byte tells that the peer's process has accepted it, so that its queue never fills. SO_LINGER of 0 resets: neither
 * end keeps the connection in TIME_WAIT, which would use up the ports within seconds. */

static struct sockaddr_in connect_peer;

void vb_connect_free(void) {
    connect_peer.sin_port = 0;
    free(round_trips_ns);
    round_trips_ns = NULL;
}

static int connect_once(void) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    char byte;
    int problem = 0, connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return errno;
    if (connect(connection, (const struct sockaddr *)&connect_peer, sizeof connect_peer)) problem = errno;
    if (!problem) problem = exactly_one(recv(connection, &byte, 1, 0));
    if (!problem && setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset)) problem = errno;
    close(connection);
    return problem;
}

int vb_connect_init(const char *address, int port) {
    vb_connect_free();
    connect_peer.sin_family = AF_INET;
    connect_peer.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, address, &connect_peer.sin_addr) != 1) return EINVAL;
    round_trips_ns = calloc(ROUND_TRIPS, sizeof *round_trips_ns);
    int problem = round_trips_ns ? connect_once() : ENOMEM;
    if (problem) vb_connect_free();
    return problem;
}

int vb_connect(uint64_t loops, double *seconds) {
    if (!connect_peer.sin_port) return ENOTCONN;
    uint64_t start = now_ns(), before = start;
    for (uint64_t i = 0; i < loops; i++) {
        int problem = connect_once();
        if (problem) return problem;
        before = keep_until_now(before);
    }
    *seconds = (double)(before - start) * 1e-9;
    return 0;
}

void vb_connect_forget(void) { vb_rr_forget(); }
