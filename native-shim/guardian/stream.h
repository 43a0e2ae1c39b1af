/* Byte streams with deadlines: nothing here waits longer than it is told, and no flag of a shared socket is changed. */
#ifndef VMI_STREAM_H
#define VMI_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Milliseconds of a clock that never jumps. */
int64_t now_ms(void);

/* Makes the address of a Unix socket: a path, or, with a leading '@', an abstract name. False where it is too long. */
bool unix_address(const char *text, struct sockaddr_un *address, socklen_t *length);

/* Connects to "/path", "@abstract", "ADDRESS:PORT" or "[ADDRESS]:PORT" (numbers only). Returns the socket or -errno. */
int stream_connect(const char *where, int64_t deadline);

/* Waits until there is something to read (an end of file counts). */
bool stream_readable(int fd, int64_t deadline);

/* Sends all of it. */
bool stream_send(int fd, const void *bytes, size_t length, int64_t deadline);

/* Reads what there is, up to size bytes, waiting for the first. 0 at the end, -1 on an error or when the time is over. */
ptrdiff_t stream_receive(int fd, void *buffer, size_t size, int64_t deadline);

#endif
