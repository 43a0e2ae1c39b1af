/* The host: the process that runs the probes, and whose death the guardian waits for. Commands are single bytes. */
#ifndef VMI_HOST_H
#define VMI_HOST_H

#include <stdbool.h>

/* What the host asks for, and what it lets us know of the machine. */
enum host_command {
    HOST_CONNECT = 'C',   /* connect to the gdbstub; answered with the connection or an error number */
    HOST_RUNS = 'R',      /* found stopped without a host, the machine is to run; but not where another has stopped it */
    HOST_STOPS = 'S',     /* the same, and a stop that looks like another's is the host's own, until it says otherwise */
    HOST_PAUSED = 'P',    /* an operator or another program has paused it: it is to stay so */
    HOST_QUIT = 'Q',      /* the host has cleaned up */
};

/* Connects to the abstract socket of that name, which a process of this user must listen at. Returns the socket or -1. */
int host_connect(const char *name);

/* Answers HOST_CONNECT: a signed 32-bit number, 0 with a duplicate of the connection, else an error number. */
bool host_answer(int host, int connection);

#endif
