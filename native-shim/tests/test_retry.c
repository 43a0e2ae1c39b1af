/* What is executed again is told by its registers. */
#include "vmi_check.h"
#include "vmi_retry.h"

static struct kvm_regs regs_of(uint64_t number)
{
    return (struct kvm_regs){ .rax = number, .rip = 0x1000, .rflags = 2 };
}

static void expect_again(struct vmi_vcpu *vcpu, uint64_t number)
{
    vcpu->own_regs = regs_of(number);
    vcpu->regs = &vcpu->own_regs;
    vmi_retry_expect(vcpu);
}

static bool is_again(struct vmi_vcpu *vcpu, uint64_t number, uint64_t flags)
{
    vcpu->own_regs = regs_of(number);
    vcpu->own_regs.rflags |= flags;
    return vmi_retry_is_now(vcpu);
}

int main(void)
{
    static struct vmi_vcpu one, other;
    one.regs = &one.own_regs;
    other.regs = &other.own_regs;
    expect(!vmi_retry_is_any() && !is_again(&one, 1, 0), "something is awaited from the beginning");
    expect_again(&one, 1);
    expect(vmi_retry_is_any(), "what is awaited is not seen");
    expect(!is_again(&other, 2, 0), "other registers are the same");
    expect(!is_again(&other, 1, 1 << 8), "other flags are the same");
    expect(is_again(&other, 1, 1 << 16), "it is not met on another vCPU, with RF");
    expect(!is_again(&one, 1, 0) && !vmi_retry_is_any(), "it is met twice");
    for (uint64_t i = 0; i < 200; i++)
        expect_again(&one, i);
    expect(is_again(&one, 199, 0), "the newest has given way");
    expect(!is_again(&one, 0, 0), "the oldest has not given way");
    int met = 0;
    for (uint64_t i = 0; i < 200; i++)
        met += is_again(&one, i, 0);
    expect(met > 0 && !vmi_retry_is_any(), "some are awaited though all were met");
    expect_again(&one, 1);
    expect_again(&one, 1);
    expect(is_again(&one, 1, 0) && is_again(&one, 1, 0) && !is_again(&one, 1, 0), "two vCPUs' are not two");
    expect_again(&one, 5);
    vmi_retry_forget();
    expect(!vmi_retry_is_any() && !is_again(&one, 5, 0), "what was forgotten is awaited");
    return conclude();
}
