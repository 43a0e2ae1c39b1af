#define _GNU_SOURCE
#include "vmi_attach.h"

#include <dirent.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmi_hook.h"
#include "vmi_slots.h"
#include "vmi_system.h"
#include "vmi_world.h"

/* Linux 5.13 and 5.15; older headers lack them. */
#define CAP_SET_GUEST_DEBUG2 195
#define BLOCK_IRQ 0x00100000u

static int capability(int vm, long number)
{
    return vmi_system_ioctl(vm, KVM_CHECK_EXTENSION, (unsigned long)number);
}

static void take_machine(int vm)
{
    int synced = capability(vm, KVM_CAP_SYNC_REGS), debug = capability(vm, CAP_SET_GUEST_DEBUG2);
    const int needed = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    uint32_t abilities = VMI_CAN_RUN;
    if (synced > 0 && (synced & needed) == needed)
        abilities |= VMI_CAN_SYNC;
    if (capability(vm, KVM_CAP_SET_GUEST_DEBUG) > 0)
        abilities |= VMI_CAN_DEBUG;
    if (debug > 0 && ((uint32_t)debug & BLOCK_IRQ))
        abilities |= VMI_CAN_BLOCK_IRQ;
    vmi_world.abilities = abilities;
    atomic_store(&vmi_world.vm, vm);
}

/* Which descriptor is what, by its link in /proc: "anon_inode:kvm-vm", "anon_inode:kvm-vcpu:2" (virt/kvm/kvm_main.c). */
static void look_at(int fd, bool is_machine)
{
    char path[64], link[64];
    unsigned id;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length <= 0)
        return;
    link[length] = '\0';
    if (is_machine && strcmp(link, "anon_inode:kvm-vm") == 0 && atomic_load(&vmi_world.vm) < 0)
        take_machine(fd);
    else if (!is_machine && sscanf(link, "anon_inode:kvm-vcpu:%u", &id) == 1)
        vmi_vcpu_add(fd, id);
}

static bool discover(void)
{
    for (int pass = 0; pass < 2; pass++) {
        DIR *folder = opendir("/proc/self/fd");
        if (!folder)
            return false;
        for (struct dirent *entry; (entry = readdir(folder));)
            if (entry->d_name[0] != '.')
                look_at(atoi(entry->d_name), pass == 0);
        closedir(folder);
    }
    return atomic_load(&vmi_world.vm) >= 0 && vmi_vcpu_count() > 0;
}

/* What was known of the machine was so when the last client went. */
static void forget_machine(void)
{
    vmi_world_lock();
    vmi_world.abilities = 0;
    atomic_store(&vmi_world.vm, -1);
    vmi_map_set(&vmi_world.map, NULL, 0);
    vmi_slots_forget();
    vmi_world.map_moves = 0;
    vmi_world.is_debugged = false;
    vmi_world_go();
}

void vmi_attach(void)
{
    forget_machine();
    if (!discover())
        return;
    if (vmi_hook_install())
        vmi_vcpus_unsee();   /* behind that: whoever calls from now on comes through the hook, and is seen for good */
    else
        vmi_world.abilities = 0;   /* nothing of it would ever come by here */
}

void vmi_detach(void)
{
    vmi_hook_remove();
}
