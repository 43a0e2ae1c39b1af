/* The vCPUs of the process's virtual machine, and how all of them are brought out of the guest.
 *
 * A vCPU's thread is `inside` from before it looks at what is shared (struct vmi_world) until it is back: in the guest, and at work on an
 * exit. Whoever wants to change what is shared stops the world: no vCPU gets inside then, and those that are inside are kicked until
 * they are out. So the vCPUs' way has no lock: a store and a load. */
#ifndef VMI_VCPU_H
#define VMI_VCPU_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmi_memory.h"
#include "vmi_ring.h"
#include "vmi_shim.h"

enum vmi_vcpu_notice {
    VMI_TELL_PAUSE = 1,
    VMI_TELL_CALL = 2,
    VMI_TELL_RESET = 4,
    VMI_TELL_HELD = 8,
    VMI_TELL_PAGES = 16,
    VMI_TELL_VCPU = 32,
};

struct vmi_selection { uint32_t probe, body; };

enum { VMI_GUARDS = 2 };

/* An instruction that is being executed by a single step. */
struct vmi_step {
    bool active;
    bool is_fresh;            /* KVM has not run since the exit that led to it, and has that to complete yet */
    bool is_with_qemu;        /* it has led to an exit that QEMU deals with: it is half done */
    bool had_interrupts;      /* RFLAGS.IF was set, and is to be set again */
    uint32_t guard_count;
    uint64_t guards[VMI_GUARDS];   /* the handlers of faults that it may raise: breakpoints stand there meanwhile */
    struct vmi_site site;     /* a copy: the tables may change meanwhile */
    struct kvm_regs before;   /* with which it is executed, but for RIP */
};

enum { VMI_MAX_SELECTIONS = VMI_MAX_PROBES };

struct vmi_vcpu {
    int fd;
    _Atomic uint32_t in_hook;        /* its thread is in the shim's code, or behind it in the guest */
    _Atomic uint32_t inside;
    uint32_t kvm_id;                 /* KVM's number, an APIC id */
    _Atomic uint32_t number;         /* QEMU's; as APIC ids suggest until its thread was named and has come by */
    bool is_named;
    struct kvm_run *run;             /* the first page of it, mapped here once more */
    _Atomic int thread;              /* the one that has come through the hook, or 0 */
    _Atomic uint32_t seen;           /* it has come through the hook since that is in */
    _Atomic uint32_t told;           /* enum vmi_vcpu_notice: what the control thread is to pass on */
    _Atomic uint32_t waits;          /* held, outside, for the client */
    _Atomic uint32_t call_number;    /* of what it waits for */
    _Atomic uint32_t answered;       /* the client has said VMI_CONTINUE */
    _Atomic uint32_t answer;
    struct vmi_call call;
    struct vmi_pause pause;
    uint64_t pause_until;            /* ns, monotonic; 0: not held */

    /* The rest is its thread's while it is inside, and whoever's who has stopped the world. */
    uint32_t epoch;                  /* of the world that KVM was told of */
    struct kvm_regs *regs;           /* at an event: in the run page, or `own_regs` */
    struct kvm_regs own_regs;
    struct kvm_sregs *sregs;         /* likewise; NULL until they are asked for */
    struct kvm_sregs own_sregs;
    struct vmi_space space;
    uint8_t *memory;                 /* of all programs, one behind the other (vmi_world.memory_at) */
    size_t memory_bytes;
    uint32_t prepared;               /* programs whose memory has been made, all zero */
    struct vmi_batch batch;          /* the event's records */
    uint64_t time;                   /* of the event, ns UTC; 0 until it is asked for */
    uint64_t patience;               /* ns for which this event may still wait */
    const struct vmi_site *site;     /* of the event; NULL for one without */
    const struct vmi_use *use;       /* whose program runs */
    uint64_t written;                /* with VMI_USE_WRITES */
    uint32_t probe;                  /* the id of the probe whose program runs */
    bool acted;                      /* it has handed out or done something */
    bool wants_pause;
    bool gives_pages_back;           /* KVM cannot emulate an instruction: perhaps one that writes to a read-only page */
    bool is_reset;                   /* the guest runs without paging: nothing at work means anything to it */
    uint32_t pausing_probe;
    struct vmi_selection selections[VMI_MAX_SELECTIONS];
    uint32_t selection_count;
    struct vmi_step step;
};

/* Makes one known; the same again for a descriptor that is known. NULL without memory, or where there are too many. */
struct vmi_vcpu *vmi_vcpu_add(int fd, uint32_t kvm_id);
uint32_t vmi_vcpu_count(void);

/* In the order of their APIC ids. */
struct vmi_vcpu *vmi_vcpu_at(uint32_t place);
struct vmi_vcpu *vmi_vcpu_numbered(uint32_t number);

/* Its thread, which calls this, has come through the hook. */
void vmi_vcpu_come(struct vmi_vcpu *vcpu);

/* It was plugged in anew: another thread is going to run it. */
void vmi_vcpu_expect(struct vmi_vcpu *vcpu);

/* What QEMU says of its threads. A vCPU that none of them runs was unplugged: QEMU keeps its descriptor. False for more than there can be. */
bool vmi_vcpus_name(const struct vmi_thread *threads, size_t count);


/* The one with that descriptor, or NULL. */
struct vmi_vcpu *vmi_vcpu_of(int fd);

/* The hook was just put in: none has come through it yet. */
void vmi_vcpus_unsee(void);

/* Whether vCPUs can be brought out of the guest: without a handler, the signal for that would end the process, which is no QEMU then. */
bool vmi_vcpus_can_be_kicked(void);

/* Goes inside; where the world is stopped, when it goes on. With `give_way`, false as soon as a signal comes: QEMU wants the thread. */
bool vmi_vcpu_enter(struct vmi_vcpu *vcpu, bool give_way);
void vmi_vcpu_leave(struct vmi_vcpu *vcpu);

/* Whether any vCPU is inside; where none is, none may be on its way in for certain only while the world is stopped. */
bool vmi_vcpus_are_out(void);

/* Stops the world, for one thread at a time, which must not be inside; false, with all as it was, where a vCPU did not come out within the
 * time. A vCPU may never have come through the hook: a thread that QEMU has named and that did not is out when it sits in some other system call. */
bool vmi_world_stop(int ms);
void vmi_world_go(void);

/* The two halves of it: nobody else stops the world; and no vCPU is inside, or false. Both end with vmi_world_go. */
void vmi_world_lock(void);
bool vmi_world_bring_out(int ms);

/* Forgets all vCPUs and gives back what they have: none of them comes through the hook any more. */
void vmi_vcpus_forget(void);

/* No vCPU stays in the hook's code any longer: those that wait there go back to QEMU. For good. True where all have. */
bool vmi_world_dismiss(int ms);

#endif
