/* Workloads of the memory family: anonymous maps whose huge-page policy is fixed, every page touched before the clock. */
#define _GNU_SOURCE
#include "kernels.h"
#include <sys/mman.h>
#include <unistd.h>

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

/* STREAM's four kernels over the same three arrays. All write the first from the other two, which stay as they are,
 * so that any order of them gives the same results. */

enum { CHECKED = 64 }; /* elements of the result that are looked at */
static const double SCALAR = 3.0;
static double *arrays[3];
static size_t array_count;

void vb_stream_free(void) {
    for (int i = 0; i < 3; i++) {
        if (arrays[i]) munmap(arrays[i], array_count * sizeof(double));
        arrays[i] = NULL;
    }
    array_count = 0;
}

int vb_stream_init(uint64_t bytes, int huge) {
    vb_stream_free();
    size_t count = bytes / sizeof(double);
    if (count < CHECKED) return EINVAL;
    array_count = count;
    for (int i = 0; i < 3; i++) {
        int problem = map_pages((void **)&arrays[i], count * sizeof(double), huge);
        if (problem) {
            vb_stream_free();
            return problem;
        }
    }
    for (size_t j = 0; j < count; j++) {
        arrays[0][j] = 1;
        arrays[1][j] = 2;
        arrays[2][j] = 0.5;
    }
    return 0;
}

uint64_t vb_stream_wrong(double expected) { /* elements of the result that are something else */
    uint64_t wrong = 0;
    for (size_t j = 0; j < array_count; j++) wrong += arrays[0][j] != expected;
    return wrong;
}

static double *checked(int i) { return &arrays[0][(array_count - 1) / (CHECKED - 1) * (size_t)i]; }

static int streamed(uint64_t start_ns, uint64_t loops, double expected, double *seconds) {
    uint64_t end_ns = now_ns();
    for (int i = 0; i < CHECKED && loops; i++)
        if (*checked(i) != expected) return WRONG;
    *seconds = (double)(end_ns - start_ns) * 1e-9;
    return 0;
}

/* The loop of each. Else gcc makes a call of memcpy out of a copy, which then chooses its way by the size of the caches
 * that the processor claims, and a virtual one claims what it likes. */
#if defined(__clang__)
#define AS_WRITTEN __attribute__((no_builtin("memcpy")))
#else
#define AS_WRITTEN __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

#define STREAM_KERNEL(NAME, VALUE, EXPECTED)                             \
    AS_WRITTEN int vb_##NAME(uint64_t loops, double *seconds) {          \
        if (!array_count) return EINVAL;                                 \
        size_t count = array_count;                                      \
        double *restrict a = arrays[0];                                  \
        const double *restrict b = arrays[1], *restrict c = arrays[2];   \
        (void)c;                                                         \
        for (int i = 0; i < CHECKED; i++) *checked(i) = 0;               \
        uint64_t start = now_ns();                                       \
        for (uint64_t i = 0; i < loops; i++) {                           \
            for (size_t j = 0; j < count; j++) a[j] = VALUE;             \
            CLOBBER();                                                   \
        }                                                                \
        return streamed(start, loops, EXPECTED, seconds);                \
    }

STREAM_KERNEL(copy, b[j], 2)
STREAM_KERNEL(scale, SCALAR * b[j], 6)
STREAM_KERNEL(add, b[j] + c[j], 2.5)
STREAM_KERNEL(triad, b[j] + SCALAR * c[j], 3.5)

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

/* fault: each page of a fresh anonymous map is touched once; mapping and unmapping are outside the clock */

enum { FAULT_BYTES = 16 << 20 };

int vb_fault(uint64_t loops, double *seconds) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = FAULT_BYTES / page;
    uint64_t spent = 0;
    while (loops) {
        size_t pages = loops < most ? (size_t)loops : most;
        volatile unsigned char *at;
        int problem = map_pages((void **)&at, pages * page, NEVER);
        if (problem) return problem;
        uint64_t start = now_ns();
        for (size_t i = 0; i < pages; i++) at[i * page] = 1; /* a read would get the page of zeros that all share */
        spent += now_ns() - start;
        for (size_t i = 0; i < pages; i++)
            if (at[i * page] != 1) problem = WRONG;
        if (munmap((void *)at, pages * page)) problem = errno;
        if (problem) return problem;
        loops -= pages;
    }
    *seconds = (double)spent * 1e-9;
    return 0;
}
