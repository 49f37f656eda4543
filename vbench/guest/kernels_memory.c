/* Workloads of the memory family: anonymous maps whose huge-page policy is fixed, every page touched before the clock. */
#define _GNU_SOURCE
#include "kernels.h"
#include <sys/mman.h>

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
