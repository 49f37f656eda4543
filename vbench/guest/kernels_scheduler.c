/* Workloads of the scheduler family: threads that wait for each other, and threads that come and go. */
#define _GNU_SOURCE
#include "kernels.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

int vb_in_turns(int (*kernel)(uint64_t, double *), uint64_t loops, double *seconds) {
    struct sched_param before, none = {0};
    int policy = sched_getscheduler(0);
    if (policy < 0 || sched_getparam(0, &before)) return errno;
    if (sched_setscheduler(0, SCHED_BATCH | (policy & SCHED_RESET_ON_FORK), &none)) return errno;
    int problem = kernel(loops, seconds);
    if (sched_setscheduler(0, policy, &before) && !problem) problem = errno;
    return problem;
}

/* futex: two threads take turns over one word, each asleep while it is the other's turn */

enum { OURS, THEIRS, OVER };
static _Atomic uint32_t turn;
static uint64_t answers; /* of the other thread; read after it was joined */

static void pass_to(uint32_t whose) {
    atomic_store(&turn, whose);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_while(uint32_t whose) { /* EAGAIN: the turn changed before this one slept */
    while (atomic_load(&turn) == whose) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, whose, NULL, NULL, 0);
}

static void *answer_turns(void *nothing) {
    for (;;) {
        sleep_while(OURS);
        if (atomic_load(&turn) == OVER) return nothing;
        answers++;
        pass_to(OURS);
    }
}

static void take_turns(uint64_t loops) {
    for (uint64_t i = 0; i < loops; i++) {
        pass_to(THEIRS);
        sleep_while(THEIRS);
    }
}

static int futex(uint64_t loops, double *seconds) {
    pthread_t other;
    atomic_store(&turn, OURS);
    answers = 0;
    int problem = pthread_create(&other, NULL, answer_turns, NULL);
    if (problem) return problem;
    take_turns(1); /* the thread is there before the clock starts */
    uint64_t start = now_ns();
    take_turns(loops);
    uint64_t end = now_ns();
    pass_to(OVER);
    problem = pthread_join(other, NULL);
    if (problem) return problem;
    if (answers != loops + 1) return WRONG;
    *seconds = (double)(end - start) * 1e-9;
    return 0;
}

int vb_futex(uint64_t loops, double *seconds) { return vb_in_turns(futex, loops, seconds); }

/* thread: one is made, counts itself, and is waited for */

static void *count_itself(void *counter) {
    ++*(uint64_t *)counter;
    return NULL;
}

int vb_thread(uint64_t loops, double *seconds) {
    uint64_t counted = 0;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        pthread_t made;
        int problem = pthread_create(&made, NULL, count_itself, &counted);
        if (!problem) problem = pthread_join(made, NULL);
        if (problem) return problem;
    }
    uint64_t end = now_ns();
    if (counted != loops) return WRONG;
    *seconds = (double)(end - start) * 1e-9;
    return 0;
}
