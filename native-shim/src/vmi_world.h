/* The process's virtual machine and what is at work in it. There is one, as QEMU has one: `vmi_world`.
 *
 * What vCPUs read here is changed only while the world is stopped (vmi_vcpu.h). */
#ifndef VMI_WORLD_H
#define VMI_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmi_memory.h"
#include "vmi_program.h"
#include "vmi_ring.h"
#include "vmi_tables.h"
#include "vmi_vcpu.h"

enum { VMI_STOP_MS = 1000 };

struct vmi_world {
    _Atomic int vm;                    /* KVM's descriptor of the machine; -1: there is none */
    uint32_t abilities;                /* enum vmi_ability */
    bool is_debugged;                  /* QEMU has breakpoints of its own in the guest: those of a gdb client that came after ours */
    struct vmi_map map;
    const struct vmi_tables *tables;   /* NULL: no client has anything at work */
    struct vmi_ring_writer *ring;      /* with tables: theirs */
    uint32_t answer_ms;                /* longest time that a vCPU is held for the client's answer */
    _Atomic uint32_t is_ending;        /* the client has gone, or says goodbye: no vCPU is held for it any more */
    struct vmi_program *programs[VMI_MAX_PROGRAMS];
    uint32_t program_count;
    uint32_t laid_out;                 /* programs that have a place in vCPUs' memory; those behind are loaded and not yet in use */
    size_t memory_at[VMI_MAX_PROGRAMS + 1];   /* where each one's memory begins in a vCPU's, and where the last one's ends */
    bool looks_around[VMI_MAX_PROGRAMS];   /* that program looks at memory, or at a register that KVM hands out apart */
    bool needs_sregs;                  /* any of them does */
    uint32_t epoch;                    /* of `tables`, from 1: each vCPU tells KVM of it when it gets inside */
    _Atomic uint32_t body[VMI_MAX_PROBES];   /* that each probe runs, by its id */

    /* Traps that change memory: in it now; or out of it for a while, so that they do not leave with it. Then vCPUs put them back when they
       run again, unless QEMU follows what is written to memory: it is being sent somewhere. */
    bool is_placed;
    _Atomic uint32_t is_lifted;
    _Atomic uint32_t is_logged;
    bool pages_are_given_up;           /* for the session: no page is made read-only any more */
    uint32_t map_moves;                /* changes of the map since the client was about to look at it */
    _Atomic uint32_t is_map_told;      /* of a stale map, by the control thread */
    _Atomic int signal;                /* an eventfd that wakes the control thread; -1 */
};

extern struct vmi_world vmi_world;

/* Wakes the control thread: a vCPU has something for the client. */
void vmi_world_tell(struct vmi_vcpu *vcpu, uint32_t notice);

#endif
