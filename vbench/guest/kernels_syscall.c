/* Workloads of the syscall family: the way into the kernel, and what it does there. */
#define _GNU_SOURCE
#include "kernels.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int vb_getpid(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) KEEP(syscall(SYS_getpid)); /* never a value cached by the C library */
    return report(start, seconds);
}

int vb_getppid(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) KEEP(syscall(SYS_getppid));
    return report(start, seconds);
}

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

static int pipes_to_a_child(uint64_t loops, double *seconds) {
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

int vb_pipe(uint64_t loops, double *seconds) { return vb_in_turns(pipes_to_a_child, loops, seconds); }

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

/* mmap + munmap of anonymous pages that nobody touches */

enum { MAPPED = 64 << 10 };

int vb_mmap(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        void *at = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED || munmap(at, MAPPED)) return errno;
    }
    return report(start, seconds);
}

/* open + close of a file that is there */

static char opened[4096];

int vb_open_init(const char *path) {
    if (strlen(path) >= sizeof opened) return ENAMETOOLONG;
    strcpy(opened, path);
    return access(opened, R_OK) ? errno : 0;
}

int vb_open(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        int file = open(opened, O_RDONLY | O_CLOEXEC);
        if (file < 0 || close(file)) return errno;
    }
    return report(start, seconds);
}

/* 4 KiB out of /dev/zero, and into /dev/null */

enum { DEVICE_BYTES = 4096 };
static unsigned char device_bytes[DEVICE_BYTES];

typedef ssize_t mover(int, void *, size_t);

static ssize_t writes(int file, void *bytes, size_t count) { return write(file, bytes, count); }

static inline __attribute__((always_inline)) int moved(const char *device, mover *move, uint64_t loops, double *seconds) {
    int file = open(device, O_RDWR | O_CLOEXEC), problem = 0;
    if (file < 0) return errno;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops && !problem; i++) {
        ssize_t count = move(file, device_bytes, DEVICE_BYTES);
        if (count != DEVICE_BYTES) problem = count < 0 ? errno : EIO;
    }
    if (!problem) report(start, seconds);
    close(file);
    return problem;
}

int vb_read_zero(uint64_t loops, double *seconds) {
    memset(device_bytes, 0xff, sizeof device_bytes);
    int problem = moved("/dev/zero", read, loops, seconds);
    for (int i = 0; i < DEVICE_BYTES && loops && !problem; i++)
        if (device_bytes[i]) return WRONG;
    return problem;
}

int vb_write_null(uint64_t loops, double *seconds) { return moved("/dev/null", writes, loops, seconds); }

/* clock_gettime by the system call, and the way every program takes: the vDSO, or what the C library does without it */

static int later(const struct timespec *now, struct timespec *last) {
    int back = now->tv_sec < last->tv_sec || (now->tv_sec == last->tv_sec && now->tv_nsec < last->tv_nsec);
    *last = *now;
    return !back;
}

int vb_clock_call(uint64_t loops, double *seconds) {
    struct timespec now, last = {0, 0};
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now)) return errno;
        if (!later(&now, &last)) return WRONG;
    }
    return report(start, seconds);
}

int vb_vdso(uint64_t loops, double *seconds) {
    struct timespec now, last = {0, 0};
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        if (clock_gettime(CLOCK_MONOTONIC, &now)) return errno;
        if (!later(&now, &last)) return WRONG;
    }
    return report(start, seconds);
}
