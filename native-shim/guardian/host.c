#define _GNU_SOURCE
#include "host.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

enum { ANSWER_MS = 5000 };

int host_connect(const char *name)
{
    int host = stream_connect(name, now_ms() + ANSWER_MS);
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (host < 0)
        return -1;
    if (getsockopt(host, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid())
        return host;
    close(host);
    return -1;
}

bool host_answer(int host, int connection)
{
    int32_t error = connection < 0 ? -connection : 0;
    struct iovec bytes = { .iov_base = &error, .iov_len = sizeof error };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
    if (connection >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &connection, sizeof(int));
    }
    return sendmsg(host, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof error;
}
