#define _GNU_SOURCE
#include "vmi_hook.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmi_kvm.h"

enum { MAX_ENTRIES = 4 };

static uint64_t *entries[MAX_ENTRIES];
static uint64_t before[MAX_ENTRIES];
static int count;
static _Atomic uint32_t inside;

static int call(int fd, uint32_t request, unsigned long argument)
{
    /* A counter that all vCPUs write at each exit would cost more than the rest of the way. */
    if (request == (uint32_t)KVM_RUN)
        return vmi_kvm_ioctl(fd, request, argument);
    atomic_fetch_add(&inside, 1);
    int result = vmi_kvm_ioctl(fd, request, argument);
    atomic_fetch_sub(&inside, 1);
    return result;
}

static int patched_ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    unsigned long argument = va_arg(list, unsigned long);
    va_end(list);
    /* Some libcs' int of a request is extended with its sign. */
    int result = call(fd, (uint32_t)request, argument);
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

bool vmi_hook_is_left(void)
{
    return atomic_load(&inside) == 0;
}

/* Writes an entry, which is read-only where the program was linked with BIND_NOW and RELRO. */
static bool write_entry(uint64_t *entry, uint64_t value, bool is_relro)
{
    uintptr_t page = (uintptr_t)entry & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    if (mprotect((void *)page, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n(entry, value, __ATOMIC_SEQ_CST);
    if (is_relro)
        mprotect((void *)page, (size_t)sysconf(_SC_PAGESIZE), PROT_READ);
    return true;
}

static bool is_relro(const struct dl_phdr_info *info, const uint64_t *entry)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_GNU_RELRO && (uintptr_t)entry - start < part->p_memsz)
            return true;
    }
    return false;
}

/* The parts of a program's dynamic section that name its table's entries. System V ABI, chapter 5. */
struct dynamic {
    const ElfW(Rela) *lazy, *eager;
    size_t lazy_count, eager_count;
    const ElfW(Sym) *symbols;
    const char *names;
};

/* glibc has replaced the offsets in there by addresses, musl has not. */
static const void *resolve(uintptr_t bias, uintptr_t value)
{
    return (const void *)(value < bias ? value + bias : value);
}

static struct dynamic read_dynamic(uintptr_t bias, const ElfW(Dyn) *entry)
{
    struct dynamic found = { 0 };
    for (; entry->d_tag != DT_NULL; entry++) {
        switch (entry->d_tag) {
        case DT_JMPREL: found.lazy = resolve(bias, entry->d_un.d_ptr); break;
        case DT_PLTRELSZ: found.lazy_count = entry->d_un.d_val / sizeof *found.lazy; break;
        case DT_RELA: found.eager = resolve(bias, entry->d_un.d_ptr); break;
        case DT_RELASZ: found.eager_count = entry->d_un.d_val / sizeof *found.eager; break;
        case DT_SYMTAB: found.symbols = resolve(bias, entry->d_un.d_ptr); break;
        case DT_STRTAB: found.names = resolve(bias, entry->d_un.d_ptr); break;
        default: break;
        }
    }
    return found;
}

static void patch(const struct dl_phdr_info *info, const struct dynamic *dynamic, const ElfW(Rela) *slots, size_t slot_count)
{
    for (size_t i = 0; slots && i < slot_count && count < MAX_ENTRIES; i++) {
        unsigned type = ELF64_R_TYPE(slots[i].r_info);
        if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
            continue;
        if (strcmp(dynamic->names + dynamic->symbols[ELF64_R_SYM(slots[i].r_info)].st_name, "ioctl") != 0)
            continue;
        uint64_t *entry = (uint64_t *)(info->dlpi_addr + slots[i].r_offset);
        uint64_t old = *entry;
        if (write_entry(entry, (uint64_t)(uintptr_t)patched_ioctl, is_relro(info, entry))) {
            entries[count] = entry;
            before[count++] = old;
        }
    }
}

static int patch_main_program(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        struct dynamic dynamic = read_dynamic(info->dlpi_addr, (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
        if (!dynamic.symbols || !dynamic.names)
            continue;
        patch(info, &dynamic, dynamic.lazy, dynamic.lazy_count);
        patch(info, &dynamic, dynamic.eager, dynamic.eager_count);
    }
    return 1;   /* the first object is the program itself */
}

bool vmi_hook_install(void)
{
    if (count == 0)
        dl_iterate_phdr(patch_main_program, NULL);
    return count > 0;
}

static int restore_main_program(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    while (count > 0) {
        count--;
        /* Somebody who came after us keeps what is his, and us with it. */
        if (*entries[count] != (uint64_t)(uintptr_t)patched_ioctl
            || !write_entry(entries[count], before[count], is_relro(info, entries[count]))) {
            count++;
            break;
        }
    }
    return 1;
}

bool vmi_hook_remove(void)
{
    dl_iterate_phdr(restore_main_program, NULL);
    return count == 0;
}
