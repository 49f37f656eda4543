/* Workloads of the syscall family: the way into the kernel, and what it does there. */
#define _GNU_SOURCE
#include "kernels.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int vb_getpid(uint64_t loops, double *seconds) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) KEEP(syscall(SYS_getpid)); /* never a value cached by the C library */
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
