#include "vmi_registers.h"

#include "vmi_system.h"

void vmi_registers_sync(struct vmi_vcpu *vcpu, bool regs, bool sregs)
{
    uint64_t wanted = (regs ? KVM_SYNC_X86_REGS : 0) | (sregs ? KVM_SYNC_X86_SREGS : 0);
    vcpu->run->kvm_valid_regs = (vcpu->run->kvm_valid_regs & ~(uint64_t)(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS)) | wanted;
}

static bool ask(struct vmi_vcpu *vcpu)
{
    vcpu->regs = &vcpu->own_regs;
    return vmi_system_ioctl(vcpu->fd, KVM_GET_REGS, (unsigned long)vcpu->regs) == 0;
}

bool vmi_registers_at_exit(struct vmi_vcpu *vcpu)
{
    vcpu->sregs = vcpu->run->kvm_valid_regs & KVM_SYNC_X86_SREGS ? &vcpu->run->s.regs.sregs : NULL;
    if (!(vcpu->run->kvm_valid_regs & KVM_SYNC_X86_REGS))
        return ask(vcpu);
    vcpu->regs = &vcpu->run->s.regs.regs;
    return true;
}

bool vmi_registers_load(struct vmi_vcpu *vcpu)
{
    vmi_registers_settle(vcpu);
    vcpu->sregs = NULL;
    return ask(vcpu);
}

const struct kvm_sregs *vmi_registers_system(struct vmi_vcpu *vcpu)
{
    if (!vcpu->sregs && vmi_system_ioctl(vcpu->fd, KVM_GET_SREGS, (unsigned long)&vcpu->own_sregs) == 0)
        vcpu->sregs = &vcpu->own_sregs;
    return vcpu->sregs;
}

void vmi_registers_changed(struct vmi_vcpu *vcpu)
{
    if (vcpu->regs == &vcpu->own_regs)
        vmi_registers_store(vcpu);
    else
        vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

bool vmi_registers_store(struct vmi_vcpu *vcpu)
{
    vcpu->run->kvm_dirty_regs &= ~(uint64_t)KVM_SYNC_X86_REGS;
    return vmi_system_ioctl(vcpu->fd, KVM_SET_REGS, (unsigned long)vcpu->regs) == 0;
}

void vmi_registers_settle(struct vmi_vcpu *vcpu)
{
    if (!(vcpu->run->kvm_dirty_regs & KVM_SYNC_X86_REGS))
        return;
    vcpu->run->kvm_dirty_regs &= ~(uint64_t)KVM_SYNC_X86_REGS;
    vmi_system_ioctl(vcpu->fd, KVM_SET_REGS, (unsigned long)&vcpu->run->s.regs.regs);
}

uint64_t *vmi_registers_general(struct kvm_regs *regs, unsigned number)
{
    __u64 *const order[] = {
        &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp, &regs->rsi, &regs->rdi,
        &regs->r8, &regs->r9, &regs->r10, &regs->r11, &regs->r12, &regs->r13, &regs->r14, &regs->r15,
    };
    return (uint64_t *)order[number & 15];
}

static uint64_t read_system(const struct kvm_sregs *sregs, unsigned number)
{
    switch (number) {
    case 18: return sregs->cs.selector;
    case 19: return sregs->ss.selector;
    case 20: return sregs->ds.selector;
    case 21: return sregs->es.selector;
    case 22: return sregs->fs.selector;
    case 23: return sregs->gs.selector;
    case 24: return sregs->tr.selector;
    case 25: return sregs->ldt.selector;
    case 26: return sregs->gdt.base;
    case 27: return sregs->idt.base;
    case 28: return sregs->cr0;
    case 29: return sregs->cr2;
    case 30: return sregs->cr3;
    case 31: return sregs->cr4;
    case 32: return sregs->cr8;
    default: return 0;
    }
}

uint64_t vmi_registers_read(struct vmi_vcpu *vcpu, unsigned number)
{
    /* The language counts RAX RBX RCX RDX RSI RDI RBP RSP. */
    static const uint8_t general[] = { 0, 3, 1, 2, 6, 7, 5, 4 };
    if (number == 7)
        return vcpu->regs->rsp + (vcpu->site ? vcpu->site->pushed : 0);
    if (number < 8)
        return *vmi_registers_general(vcpu->regs, general[number]);
    if (number < 16)
        return *vmi_registers_general(vcpu->regs, number);
    if (number == 16)
        return vcpu->regs->rip + (uint64_t)(int64_t)(vcpu->site ? vcpu->site->shown : 0);
    if (number == 17)
        return vcpu->regs->rflags;
    const struct kvm_sregs *sregs = vmi_registers_system(vcpu);
    return sregs ? read_system(sregs, number) : 0;
}
