/* The compiled workloads: each has its own loop and its own clock, so that neither Python nor a channel is in a number.
 *
 * vb_NAME(loops, &seconds) runs `loops` operations and returns 0, or an errno; `seconds` is written on success only.
 * vb_NAME_init(...) and vb_NAME_free() hold what is set up outside the clock. driver.py loads this with ctypes. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The compiler must believe that memory was read and written: else it drops or hoists the work. */
#define CLOBBER() __asm__ volatile("" ::: "memory")
#define KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int report(uint64_t start_ns, double *seconds) {
    *seconds = (double)(now_ns() - start_ns) * 1e-9;
    return 0;
}

/* --- hash: 64-bit multiply and rotate in four lanes over 4 KiB, so that it is bound by throughput, not by latency --- */

enum { HASH_WORDS = 512 };
static uint64_t hash_words[HASH_WORDS];

static inline uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

static inline uint64_t mix(uint64_t x) { /* the finalizer of MurmurHash3 */
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

uint64_t vb_hash_digest(const uint64_t *words, uint64_t count, uint64_t seed) {
    uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3};
    for (uint64_t i = 0; i + 4 <= count; i += 4)
        for (int j = 0; j < 4; j++)
            lane[j] = rotate(lane[j] + words[i + j] * 0xc2b2ae3d27d4eb4fu, 31) * 0x9e3779b185ebca87u;
    return mix(lane[0] ^ rotate(lane[1], 7) ^ rotate(lane[2], 12) ^ rotate(lane[3], 18));
}

int vb_hash(uint64_t loops, double *seconds) {
    for (uint64_t i = 0; i < HASH_WORDS; i++) hash_words[i] = mix(i + 1);
    uint64_t start = now_ns(), digest = 0;
    for (uint64_t i = 0; i < loops; i++) {
        digest = vb_hash_digest(hash_words, HASH_WORDS, digest ^ i);
        CLOBBER();
    }
    KEEP(digest);
    return report(start, seconds);
}

/* --- matrix: double 64 x 64 multiply-add, 96 KiB in all --- */

enum { SIDE = 64 };
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static void multiply(void) {
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) product[i][j] = 0;
        for (int k = 0; k < SIDE; k++) {
            double factor = left[i][k];
            for (int j = 0; j < SIDE; j++) product[i][j] += factor * right[k][j];
        }
    }
}

int vb_matrix(uint64_t loops, double *seconds) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = i + 2 * j;
            right[i][j] = i - j;
        }
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        multiply();
        CLOBBER();
    }
    return report(start, seconds);
}

double vb_matrix_at(int row, int column) { return product[row][column]; }

/* --- sha256 of 16 KiB, FIPS 180-4 --- */

enum { SHA_BYTES = 16384 };
static unsigned char sha_data[SHA_BYTES];
static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t turn(uint32_t x, int by) { return (x >> by) | (x << (32 - by)); }

static void sha_block(uint32_t state[8], const unsigned char *p) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t choose = (s[4] & s[5]) ^ (~s[4] & s[6]), major = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + choose + sha_k[i] + w[i];
        uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + major;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

void vb_sha256_digest(const unsigned char *data, uint64_t length, unsigned char out[32]) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    unsigned char tail[128] = {0};
    uint64_t whole = length / 64 * 64, rest = length - whole, bits = length * 8;
    for (uint64_t i = 0; i < whole; i += 64) sha_block(state, data + i);
    if (rest) memcpy(tail, data + whole, rest);
    tail[rest] = 0x80;
    uint64_t end = rest < 56 ? 64 : 128;
    for (int i = 0; i < 8; i++) tail[end - 1 - i] = (unsigned char)(bits >> (8 * i));
    for (uint64_t i = 0; i < end; i += 64) sha_block(state, tail + i);
    for (int i = 0; i < 32; i++) out[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

int vb_sha256(uint64_t loops, double *seconds) {
    unsigned char digest[32];
    for (int i = 0; i < SHA_BYTES; i++) sha_data[i] = (unsigned char)(i * 7);
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        vb_sha256_digest(sha_data, SHA_BYTES, digest);
        memcpy(sha_data, digest, sizeof digest); /* the next one depends on this one */
        CLOBBER();
    }
    return report(start, seconds);
}

/* --- memory: anonymous maps whose huge-page policy is fixed, every page touched before the clock --- */

enum { NEVER = 0, ALWAYS = 1 };

static int map_pages(void **out, size_t bytes, int huge) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return errno;
    /* EINVAL: a kernel without transparent huge pages, where `never` holds anyway. */
    if (madvise(at, bytes, huge == ALWAYS ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && !(errno == EINVAL && huge == NEVER)) {
        int problem = errno;
        munmap(at, bytes);
        return problem;
    }
    *out = at;
    return 0;
}

/* triad: a = b + s * c as in STREAM, 24 B counted per element */

static double *triad[3];
static size_t triad_count;

void vb_triad_free(void) {
    for (int i = 0; i < 3; i++) {
        if (triad[i]) munmap(triad[i], triad_count * sizeof(double));
        triad[i] = NULL;
    }
    triad_count = 0;
}

int vb_triad_init(uint64_t bytes, int huge) {
    vb_triad_free();
    size_t count = bytes / sizeof(double);
    if (count == 0) return EINVAL;
    triad_count = count;
    for (int i = 0; i < 3; i++) {
        int problem = map_pages((void **)&triad[i], count * sizeof(double), huge);
        if (problem) {
            vb_triad_free();
            return problem;
        }
    }
    for (size_t j = 0; j < count; j++) {
        triad[0][j] = 1;
        triad[1][j] = 2;
        triad[2][j] = 0.5;
    }
    return 0;
}

int vb_triad(uint64_t loops, double *seconds) {
    if (!triad_count) return EINVAL;
    double *restrict a = triad[0];
    const double *restrict b = triad[1], *restrict c = triad[2];
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        for (size_t j = 0; j < triad_count; j++) a[j] = b[j] + 3.0 * c[j];
        CLOBBER();
    }
    return report(start, seconds);
}

uint64_t vb_triad_wrong(void) { /* elements that are not 2 + 3 * 0.5 */
    uint64_t wrong = 0;
    for (size_t j = 0; j < triad_count; j++) wrong += triad[0][j] != 3.5;
    return wrong;
}

/* chase: one random cycle through all 64 B lines of the set, so that each load waits for the one before it */

struct line {
    struct line *next;
    char rest[64 - sizeof(struct line *)];
};
static struct line *lines, *chase_at;
static size_t line_count;

void vb_chase_free(void) {
    if (lines) munmap(lines, line_count * sizeof *lines);
    lines = chase_at = NULL;
    line_count = 0;
}

/* Sattolo's algorithm gives one cycle through all elements; a compact index array keeps the shuffle inside fewer pages
 * than the set itself, which is what makes the set-up bearable under emulation. */
int vb_chase_init(uint64_t bytes, int huge, uint64_t seed) {
    vb_chase_free();
    size_t count = bytes / sizeof *lines;
    if (count < 2 || count > UINT32_MAX) return EINVAL;
    size_t order_bytes = count * sizeof(uint32_t);
    uint32_t *order;
    /* No huge pages here: in a fragmented guest their compaction took 40 s under emulation. */
    int problem = map_pages((void **)&order, order_bytes, NEVER);
    if (problem) return problem;
    problem = map_pages((void **)&lines, count * sizeof *lines, huge);
    if (problem) {
        munmap(order, order_bytes);
        return problem;
    }
    line_count = count;
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        seed += 0x9e3779b97f4a7c15u;
        size_t j = (size_t)(((mix(seed) >> 32) * i) >> 32); /* 0 <= j < i: Sattolo, not Fisher-Yates */
        uint32_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (size_t i = 0; i < count; i++) lines[i].next = &lines[order[i]];
    munmap(order, order_bytes);
    chase_at = lines;
    return 0;
}

int vb_chase(uint64_t loops, double *seconds) {
    if (!line_count) return EINVAL;
    struct line *at = chase_at; /* goes on where it stopped, so that short runs do not stay in a warm beginning */
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) at = at->next;
    KEEP(at);
    int done = report(start, seconds);
    chase_at = at;
    return done;
}

uint64_t vb_chase_cycle(void) { /* steps until the first line is met again: the number of lines, if the cycle is whole */
    uint64_t steps = 0;
    if (!line_count) return 0;
    const struct line *at = lines;
    do {
        at = at->next;
        steps++;
    } while (at != lines && steps <= line_count);
    return steps;
}

uint64_t vb_chase_lines(void) { return line_count; }

/* --- system calls --- */

int vb_getpid(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) KEEP(syscall(SYS_getpid)); /* never a value cached by the C library */
    return report(start, seconds);
}

static int exactly_one(ssize_t moved) { return moved == 1 ? 0 : moved < 0 ? errno : EPIPE; }

static int ping_pong(int to, int from, uint64_t loops) {
    char byte = 'x';
    for (uint64_t i = 0; i < loops; i++) {
        int problem = exactly_one(write(to, &byte, 1));
        if (!problem) problem = exactly_one(read(from, &byte, 1));
        if (problem) return problem;
    }
    return 0;
}

static void answer(int from, int to) {
    char byte;
    while (read(from, &byte, 1) == 1)
        if (write(to, &byte, 1) != 1) break;
    _exit(0);
}

static void close_all(const int *descriptors, int count) {
    for (int i = 0; i < count; i++) close(descriptors[i]);
}

int vb_pipe(uint64_t loops, double *seconds) {
    int pipes[4]; /* there: 0 read, 1 write; back: 2 read, 3 write */
    if (pipe2(pipes, O_CLOEXEC)) return errno;
    if (pipe2(pipes + 2, O_CLOEXEC)) {
        int problem = errno;
        close_all(pipes, 2);
        return problem;
    }
    pid_t child = fork();
    if (child < 0) {
        int problem = errno;
        close_all(pipes, 4);
        return problem;
    }
    if (child == 0) {
        close(pipes[1]);
        close(pipes[2]);
        answer(pipes[0], pipes[3]);
    }
    close(pipes[0]);
    close(pipes[3]);
    int problem = ping_pong(pipes[1], pipes[2], 1); /* the child is there before the clock starts */
    uint64_t start = now_ns();
    if (!problem) problem = ping_pong(pipes[1], pipes[2], loops);
    if (!problem) report(start, seconds);
    close(pipes[1]);
    close(pipes[2]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return problem;
}

/* fork + exec + wait of a static program that does nothing */

static char program[4096];

int vb_fork_init(const char *path) {
    if (strlen(path) >= sizeof program) return ENAMETOOLONG;
    strcpy(program, path);
    return access(program, X_OK) ? errno : 0;
}

static int fork_exec_wait(void) {
    char *arguments[] = {program, "exit", NULL}, *no_environment[] = {NULL};
    pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        execve(program, arguments, no_environment);
        _exit(errno & 0x7f); /* errno of a failed exec fits in a status */
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

int vb_fork(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        int problem = fork_exec_wait();
        if (problem) return problem;
    }
    return report(start, seconds);
}

/* --- tcp request and response of one byte; the latency of each round trip is kept for percentiles --- */

enum { ROUND_TRIPS = 1 << 20 };
static int rr_socket = -1;
static uint64_t *round_trips_ns;
static uint64_t round_trip_count;

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
        uint64_t after = now_ns(); /* one clock read a round trip: the end of one is the start of the next */
        round_trips_ns[round_trip_count++ % ROUND_TRIPS] = after - before;
        before = after;
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
