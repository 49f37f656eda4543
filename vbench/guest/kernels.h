/* What the compiled workloads share. Each has its own loop and its own clock, so that neither Python nor a channel is in a number.
 *
 * vb_NAME(loops, &seconds) runs `loops` operations and returns 0, an errno, WRONG or LACKS; `seconds` is written on
 * success only.
 * vb_NAME_init(...) and vb_NAME_free() hold what is set up outside the clock: these kernels have a line in workloads.py. */
#ifndef VBENCH_KERNELS_H
#define VBENCH_KERNELS_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { WRONG = -1 /* the result is */, LACKS = -2 /* the processor: the instructions */ };

/* The compiler must believe that memory was read and written: else it drops or hoists the work. */
#define CLOBBER() __asm__ volatile("" ::: "memory")
#define KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int report(uint64_t start_ns, double *seconds) {
    *seconds = (double)(now_ns() - start_ns) * 1e-9;
    return 0;
}

static inline uint64_t mix(uint64_t x) { /* the finalizer of MurmurHash3 */
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

/* Runs a kernel of two that take turns under SCHED_BATCH, which both inherit. Under the normal policy who is woken may
 * preempt who woke it, which then never waits: how often is up to the kernel, and environments would do different things. */
int vb_in_turns(int (*kernel)(uint64_t, double *), uint64_t loops, double *seconds);

static inline int exactly_one(ssize_t moved) { return moved == 1 ? 0 : moved < 0 ? errno : EPIPE; }

#endif
