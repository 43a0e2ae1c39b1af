/* A virtual machine of a few dozen lines on /dev/kvm, with the shim in its process as it is in QEMU's: threads that run vCPUs, kicked by
 * SIGUSR1, whose handler sets immediate_exit. What cannot be had ends the program. One machine per process. */
#ifndef MINI_MACHINE_H
#define MINI_MACHINE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mini_code.h"

/* RAM begins at 0, and has a slot; that of what lies behind it is there as a machine has more than one. */
enum { MINI_MOST_VCPUS = 4, MINI_RAM_BYTES = 8 << 20, MINI_MORE_BYTES = 0x1000 };

struct mini_vcpu {
    int fd;
    struct kvm_run *run;
    pthread_t thread;                    /* one for its life, as QEMU has it */
    int thread_id;
    sem_t may_run, has_ended;
    uint32_t index;
    _Atomic bool is_done;                /* it has come to its HLT */
    _Atomic bool wants_nmi;
    _Atomic bool is_to_stay_out;         /* with the next kick; out of KVM_RUN until it is cleared */
    _Atomic bool stays_out;
    _Atomic uint64_t debug_exits, port_exits;   /* exits that came as far as QEMU */
    struct kvm_debug_exit_arch last_debug;
    double ns;                           /* that the last piece of work took */
};

struct mini_machine {
    int vm;
    uint8_t *ram;
    uint32_t count;
    _Atomic bool is_without_shim;        /* the vCPUs' next runs call libc itself */
    struct mini_vcpu vcpus[MINI_MOST_VCPUS];
};

extern struct mini_machine mini;

/* Where a label of the code lies in the guest. */
uint64_t mini_address(const uint8_t *label);

/* A word of a page of data. */
_Atomic uint64_t *mini_word(uint64_t page, uint32_t word);
uint64_t mini_page(uint32_t vcpu);

/* Makes the machine; then sets a vCPU to the begin of a piece of work, to be done so often; or has all do it, again and again if need be. */
void mini_make(uint32_t vcpus);
void mini_set_up(struct mini_vcpu *vcpu, const uint8_t *work, uint64_t rounds);
void mini_start(const uint8_t *work, uint64_t rounds);

/* Tells them to stop, and waits until they have. The errors that they saw. */
void mini_stop(void);
uint64_t mini_join(void);

void mini_kick(struct mini_vcpu *vcpu);

/* The time is up: tells where the vCPUs stand, and ends the program. */
void mini_give_up(void);

/* Sets RAM's slot anew, with these flags; with KVM_MEM_LOG_DIRTY_PAGES, whether a page was written to since that was last asked. */
void mini_set_memory(uint32_t flags);
bool mini_is_dirty(uint64_t physical);

void mini_die(const char *what);

#endif
