/* The peer of the request/response and connection benchmarks, and the program that does nothing for fork+exec.
 *
 * echo serve ADDRESS PORT   echoes each TCP connection, prints "ready" when listening, ends at stdin's end or SIGTERM
 * echo greet ADDRESS PORT   the same, but sends each connection one byte and closes it
 * echo exit                 ends at once with status 0 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what) {
    fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
    return 1;
}

static int listen_on(const char *address, int port) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address, &here.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) return -1;
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 8)) return -1;
    return listener;
}

static void echo_all(int connection) {
    char bytes[4096];
    ssize_t count;
    while ((count = recv(connection, bytes, sizeof bytes, 0)) > 0)
        for (ssize_t sent = 0, part; sent < count; sent += part)
            if ((part = send(connection, bytes + sent, (size_t)(count - sent), MSG_NOSIGNAL)) < 0) return;
}

/* A process a connection: its round trip is one recv and one send, with no poll between them. */
static int serve_one(int listener) {
    int on = 1, connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pid_t parent = getpid();
    if (connection < 0) return errno == ECONNABORTED || errno == EINTR ? 0 : -1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) echo_all(connection);
        _exit(0);
    }
    close(connection);
    return child < 0 ? -1 : 0;
}

/* No process a connection: the fork would be most of what is measured. */
static int greet_one(int listener) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return errno == ECONNABORTED || errno == EINTR ? 0 : -1;
    send(connection, "x", 1, MSG_NOSIGNAL); /* who has gone away again is no failure of the server */
    close(connection);
    return 0;
}

static int serve(const char *address, int port, int (*one)(int listener)) {
    char bytes[64];
    int listener = listen_on(address, port);
    if (listener < 0) return fail(address);
    signal(SIGCHLD, SIG_IGN); /* the children are reaped by the kernel */
    puts("ready");
    fflush(stdout);
    struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR) return fail("poll");
        if (wait[0].revents && read(STDIN_FILENO, bytes, sizeof bytes) <= 0) return 0;
        if (wait[1].revents && one(listener)) return fail("accept");
    }
}

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "exit") == 0) return 0;
    if (count == 4 && strcmp(words[1], "serve") == 0) return serve(words[2], atoi(words[3]), serve_one);
    if (count == 4 && strcmp(words[1], "greet") == 0) return serve(words[2], atoi(words[3]), greet_one);
    fputs("usage: echo serve|greet ADDRESS PORT | echo exit\n", stderr);
    return 2;
}
