#include "vmi_retry.h"

#include <pthread.h>
#include <string.h>

enum { AWAITED = 64 };

/* RF is the processor's own mark of an instruction that is executed again. */
#define RESUME_FLAG (1ull << 16)

static struct kvm_regs awaited[AWAITED];
static bool used[AWAITED];
static unsigned next;
static _Atomic uint32_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_same(const struct kvm_regs *a, const struct kvm_regs *b)
{
    struct kvm_regs left = *a, right = *b;
    left.rflags &= ~RESUME_FLAG;
    right.rflags &= ~RESUME_FLAG;
    return memcmp(&left, &right, sizeof left) == 0;
}

void vmi_retry_expect(struct vmi_vcpu *vcpu)
{
    pthread_mutex_lock(&lock);
    /* The oldest gives way: what was never met again went on elsewhere, as a mended exception does. */
    if (!used[next])
        atomic_fetch_add(&count, 1);
    used[next] = true;
    awaited[next] = *vcpu->regs;
    next = (next + 1) % AWAITED;
    pthread_mutex_unlock(&lock);
}

bool vmi_retry_is_any(void)
{
    return atomic_load(&count) != 0;
}

bool vmi_retry_is_now(struct vmi_vcpu *vcpu)
{
    bool found = false;
    if (!vmi_retry_is_any())
        return false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < AWAITED && !found; i++) {
        if (!used[i] || !is_same(&awaited[i], vcpu->regs))
            continue;
        used[i] = false;
        atomic_fetch_sub(&count, 1);
        found = true;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void vmi_retry_forget(void)
{
    pthread_mutex_lock(&lock);
    memset(used, 0, sizeof used);
    atomic_store(&count, 0);
    pthread_mutex_unlock(&lock);
}
