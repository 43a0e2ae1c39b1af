#include <assert.h>
#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#include "trampoline.h"

#define MEMBER_AT(member, offset) static_assert(offsetof(struct vmi_trampoline, member) == (offset), #member)
MEMBER_AT(resume_rip, VMI_HEAD_RESUME_RIP);
MEMBER_AT(resume_rax, VMI_HEAD_RESUME_RAX);
MEMBER_AT(operation, VMI_HEAD_OPERATION);
MEMBER_AT(function, VMI_HEAD_FUNCTION);
MEMBER_AT(arguments[0], VMI_HEAD_ARGUMENT0);
MEMBER_AT(arguments[1], VMI_HEAD_ARGUMENT1);
MEMBER_AT(state_bytes, VMI_HEAD_STATE_BYTES);
MEMBER_AT(has_xsave, VMI_HEAD_HAS_XSAVE);
MEMBER_AT(errno_location, VMI_HEAD_ERRNO_LOCATION);
MEMBER_AT(dlerror, VMI_HEAD_DLERROR);
MEMBER_AT(dlsym, VMI_HEAD_DLSYM);
MEMBER_AT(channel, VMI_HEAD_CHANNEL);
MEMBER_AT(report_offset, VMI_HEAD_REPORT_OFFSET);
MEMBER_AT(closes, VMI_HEAD_CLOSES);
MEMBER_AT(interrupted_rip, VMI_HEAD_INTERRUPTED_RIP);
MEMBER_AT(handle_name, VMI_HEAD_HANDLE_NAME);
MEMBER_AT(code, VMI_HEAD_BYTES);
static_assert(offsetof(struct vmi_report, text) == VMI_REPORT_BYTES, "text");

extern const char vmi_trampoline_code[], vmi_trampoline_code_end[];

size_t vmi_trampoline_bytes(void)
{
    size_t code = (size_t)(vmi_trampoline_code_end - vmi_trampoline_code);
    return (VMI_HEAD_BYTES + code + 7) & ~(size_t)7;
}

struct vmi_trampoline vmi_trampoline_make(void)
{
    struct vmi_trampoline trampoline = { .magic = VMI_TRAMPOLINE_MAGIC, .bytes = vmi_trampoline_bytes(), .state_bytes = 512 };
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE && __get_cpuid_count(0xd, 0, &a, &b, &c, &d)) {
        trampoline.has_xsave = true;
        trampoline.state_bytes = b;   /* of all that the kernel has enabled (Intel SDM 1, 13.2) */
    }
    memcpy(trampoline.handle_name, "vmi_shim_handle", sizeof "vmi_shim_handle");
    memcpy(trampoline.code, vmi_trampoline_code, (size_t)(vmi_trampoline_code_end - vmi_trampoline_code));
    return trampoline;
}
