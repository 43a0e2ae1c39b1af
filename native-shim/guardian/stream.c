#define _GNU_SOURCE
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool unix_address(const char *text, struct sockaddr_un *address, socklen_t *length)
{
    size_t size = strlen(text);
    if (size >= sizeof address->sun_path)
        return false;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, text, size);
    bool is_abstract = text[0] == '@';
    if (is_abstract)
        address->sun_path[0] = '\0';
    /* An abstract name is as long as the address says; a path ends with its NUL. */
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + !is_abstract);
    return true;
}

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static bool internet_address(const char *text, union address *address, socklen_t *length)
{
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    if (!colon)
        return false;
    const char *start = text[0] == '[' ? text + 1 : text;
    size_t size = (size_t)(colon - start) - (text[0] == '[');
    long port = strtol(colon + 1, NULL, 10);
    if (colon <= start || size >= sizeof host || port < 1 || port > 65535)
        return false;
    memcpy(host, start, size);
    host[size] = '\0';
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->four.sin_addr) == 1) {
        address->four.sin_family = AF_INET;
        address->four.sin_port = htons((uint16_t)port);
        *length = sizeof address->four;
    } else if (inet_pton(AF_INET6, host, &address->six.sin6_addr) == 1) {
        address->six.sin6_family = AF_INET6;
        address->six.sin6_port = htons((uint16_t)port);
        *length = sizeof address->six;
    } else {
        return false;
    }
    return true;
}

static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd ready = { .fd = fd, .events = events };
        int64_t left = deadline - now_ms();
        int count = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (count >= 0 || errno != EINTR)
            return count > 0;
    }
}

int stream_connect(const char *where, int64_t deadline)
{
    union address address = { .any.sa_family = AF_UNSPEC };
    socklen_t length = 0;
    bool is_unix = where[0] == '/' || where[0] == '@';
    if (is_unix ? !unix_address(where, &address.local, &length) : !internet_address(where, &address, &length))
        return -EINVAL;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A Unix socket connects at once or, with too many waiting, says EAGAIN; TCP may be on its way. */
    int error = connect(fd, &address.any, length) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t size = sizeof error;
        if (!wait_for(fd, POLLOUT, deadline))
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (error == 0)
        return fd;
    close(fd);
    return -error;
}

bool stream_readable(int fd, int64_t deadline)
{
    return wait_for(fd, POLLIN, deadline);
}

bool stream_send(int fd, const void *bytes, size_t length, int64_t deadline)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            from += sent;
            length -= (size_t)sent;
        } else if (errno != EINTR && (errno != EAGAIN || !wait_for(fd, POLLOUT, deadline))) {
            return false;
        }
    }
    return true;
}

ptrdiff_t stream_receive(int fd, void *buffer, size_t size, int64_t deadline)
{
    for (;;) {
        ssize_t got = recv(fd, buffer, size, MSG_DONTWAIT);
        if (got >= 0)
            return got;
        if (errno != EINTR && (errno != EAGAIN || !wait_for(fd, POLLIN, deadline)))
            return -1;
    }
}
