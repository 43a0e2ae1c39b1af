/* A client of the shim's in the same process, by its socket. Any thread may take from the ring; requests are the caller's own thread's. */
#ifndef MINI_CLIENT_H
#define MINI_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmi_reader.h"
#include "vmi_shim.h"

struct mini_client {
    int socket, memory, signal;
    void *shared;
    size_t bytes;
    uint32_t sequence;
    struct { bool is_there; int status; } answers[16];   /* by their sequence: one may come while another is waited for, in a call */
    struct vmi_welcome welcome;
    struct vmi_reader reader;
    /* What a call is answered with; may send requests of its own. NULL: 0. */
    uint32_t (*answer)(struct mini_client *client, const struct vmi_call *call);
    uint64_t calls, held, pauses, pages, resets;
    char problem[256];                   /* the text of the last answer */
};

void mini_client_open(struct mini_client *client, uint32_t policy, uint32_t ring_bytes);

/* The answer's status. Notices that come before it are dealt with. */
int mini_client_ask(struct mini_client *client, uint32_t type, const void *payload, size_t size);

/* Deals with what notices there are, waiting so long for one. */
void mini_client_pump(struct mini_client *client, int ms);

const struct vmi_counters *mini_client_counters(const struct mini_client *client, uint32_t probe);
void mini_client_close(struct mini_client *client);

/* Programs, word by word. */
struct mini_program { uint64_t words[256]; uint32_t count, scratch; uint64_t registers; };
void mini_program_add(struct mini_program *program, uint8_t opcode, uint8_t destination, uint8_t source, int16_t offset, int32_t immediate);
void mini_program_register(struct mini_program *program, uint32_t number, int16_t at);
void mini_program_memory(struct mini_program *program, uint32_t from_register, int32_t size, int32_t at);
void mini_program_emit(struct mini_program *program, int32_t size, int32_t at);
void mini_program_end(struct mini_program *program);
int mini_client_load(struct mini_client *client, const struct mini_program *program);

/* What is at work: a probe for each site, with one body; use `u` is site u's. */
enum { MINI_MOST_SITES = 8 };
struct mini_work {
    uint32_t sites;
    struct vmi_site site[MINI_MOST_SITES];
    struct vmi_use use[MINI_MOST_SITES];
    uint32_t program[MINI_MOST_SITES];
    bool is_off[MINI_MOST_SITES];
};
int mini_client_apply(struct mini_client *client, const struct mini_work *work);

#endif
