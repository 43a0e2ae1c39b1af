#include "vmi_call.h"

#include <errno.h>
#include <string.h>

#include "vmi_event.h"
#include "vmi_registers.h"
#include "vmi_system.h"

enum { KNOWN = 512, WAIT_MS = 20 };

/* What the client has said of the instructions before a RIP, at a site. Written inside by any vCPU: an entry that two write at once is one of
 * the two, as it is read and written in one piece. */
struct known { _Atomic uint64_t key; };
static struct known known[KNOWN];

/* The key: RIP and site mixed, with the answer in bit 0; never 0. */
static uint64_t key_of(uint64_t rip, const struct vmi_site *site)
{
    uint64_t key = (rip ^ (site->address * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
    return key << 1 | 2;
}

static struct known *slot_of(uint64_t key)
{
    return &known[(key >> 40) % KNOWN];
}

void vmi_call_forget(void)
{
    for (int i = 0; i < KNOWN; i++)
        atomic_store(&known[i].key, 0);
}

/* A number for what the vCPU waits for next: answers to what is over are not taken for its answer. */
static uint32_t begin_call(struct vmi_vcpu *vcpu)
{
    static _Atomic uint32_t last;
    uint32_t number = atomic_fetch_add(&last, 1) + 1;
    atomic_store(&vcpu->answered, 0);
    atomic_store(&vcpu->call_number, number);
    return number;
}

void vmi_call_answer(struct vmi_vcpu *vcpu, uint32_t number, uint32_t answer)
{
    if (number != atomic_load(&vcpu->call_number))
        return;
    atomic_store(&vcpu->answer, answer);
    atomic_store(&vcpu->answered, 1);
    vmi_system_wake(&vcpu->answered);
}

/* Waits outside for an answer. False where none came in time. */
static bool await_answer(struct vmi_vcpu *vcpu, uint64_t until)
{
    atomic_store(&vcpu->waits, 1);
    while (!atomic_load(&vcpu->answered) && !atomic_load(&vmi_world.is_ending) && vmi_system_monotonic_ns() < until)
        vmi_system_wait(&vcpu->answered, 0, WAIT_MS);
    atomic_store(&vcpu->waits, 0);
    return atomic_load(&vcpu->answered) != 0;
}

static void describe(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    struct vmi_call *call = &vcpu->call;
    const struct kvm_sregs *sregs = vmi_registers_system(vcpu);
    memset(call, 0, sizeof *call);
    call->vcpu = vcpu->number;
    call->site = site->id;
    call->number = begin_call(vcpu);
    for (unsigned i = 0; i < 16; i++)
        call->registers[i] = *vmi_registers_general(vcpu->regs, i);
    call->rip = vcpu->regs->rip;
    call->rflags = vcpu->regs->rflags;
    if (!sregs)
        return;
    call->cr0 = sregs->cr0;
    call->cr3 = sregs->cr3;
    call->cr4 = sregs->cr4;
    call->efer = sregs->efer;
    call->fs_base = sregs->fs.base;
    call->gs_base = sregs->gs.base;
}

uint32_t vmi_call_client(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    uint64_t until = vmi_system_monotonic_ns() + (uint64_t)vmi_world.answer_ms * 1000000u;
    describe(vcpu, site);
    struct kvm_regs regs = *vcpu->regs;
    vmi_event_flush(vcpu);
    vmi_world_tell(vcpu, VMI_TELL_CALL);
    vmi_vcpu_leave(vcpu);
    bool answered = await_answer(vcpu, until);
    vmi_vcpu_enter(vcpu, false);
    vcpu->own_regs = regs;
    vcpu->regs = &vcpu->own_regs;
    vcpu->sregs = NULL;
    vmi_event_enter_space(vcpu);   /* programs that have come meanwhile may ask for it */
    if (answered)
        return atomic_load(&vcpu->answer);
    vmi_world_tell(vcpu, VMI_TELL_HELD);
    return 0;
}

bool vmi_call_read(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    uint64_t key = key_of(vcpu->regs->rip, site);
    struct known *slot = slot_of(key);
    uint64_t found = atomic_load_explicit(&slot->key, memory_order_relaxed);
    if ((found & ~1ull) == key)
        return (found & 1) != 0;
    uint32_t answer = vmi_call_client(vcpu, site);
    if (answer & VMI_ANSWER_ALWAYS)
        atomic_store_explicit(&slot->key, key | (answer & VMI_ANSWER_YES), memory_order_relaxed);
    return answer & VMI_ANSWER_ALWAYS ? (answer & VMI_ANSWER_YES) != 0 : !atomic_load(&vcpu->answered) || (answer & VMI_ANSWER_YES) != 0;
}

void vmi_call_pause(struct vmi_vcpu *vcpu)
{
    vcpu->pause = (struct vmi_pause){ .vcpu = vcpu->number, .probe = vcpu->pausing_probe, .number = begin_call(vcpu) };
    vcpu->pause_until = vmi_system_monotonic_ns() + (uint64_t)vmi_world.answer_ms * 1000000u;
    vmi_world_tell(vcpu, VMI_TELL_PAUSE);
}

static bool hold_paused(struct vmi_vcpu *vcpu)
{
    while (!atomic_load(&vcpu->answered) && !atomic_load(&vmi_world.is_ending)) {
        if (vcpu->run->immediate_exit)
            return false;
        if (vmi_system_monotonic_ns() > vcpu->pause_until) {
            vmi_world_tell(vcpu, VMI_TELL_HELD);
            return true;
        }
        if (vmi_system_wait(&vcpu->answered, 0, WAIT_MS) == -EINTR)
            return false;
    }
    return true;
}

bool vmi_call_await_pause(struct vmi_vcpu *vcpu)
{
    atomic_store(&vcpu->waits, 1);
    bool goes_on = hold_paused(vcpu);
    atomic_store(&vcpu->waits, 0);
    if (goes_on)
        vcpu->pause_until = 0;
    return goes_on;
}
