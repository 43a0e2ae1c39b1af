/* The plain C loops that the Engine's streaming reads are measured against, in the same process and the same run. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Reads [address, address + length) of process pid in pieces; returns the bytes read, or -1. */
int64_t stream_process(int pid, uint64_t address, uint64_t length, void *buffer, uint64_t piece)
{
    uint64_t done = 0;
    while (done < length) {
        struct iovec here = {buffer, piece}, there = {(void *)(uintptr_t)(address + done), piece};
        ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (got <= 0)
            return -1;
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

/* Copies [from, from + length) in pieces into one buffer; returns the bytes copied. */
int64_t stream_mapping(const void *from, uint64_t length, void *buffer, uint64_t piece)
{
    for (uint64_t done = 0; done < length; done += piece)
        memcpy(buffer, (const char *)from + done, piece);
    return (int64_t)length;
}
