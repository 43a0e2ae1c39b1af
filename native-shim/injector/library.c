#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library.h"
#include "outcome.h"

/* The part of the file at an offset; NULL where the file ends before. */
static const void *part(const struct vmi_library *library, uint64_t offset, uint64_t size)
{
    return offset <= library->size && size <= library->size - offset ? (const char *)library->bytes + offset : NULL;
}

static bool defines(const struct vmi_library *library, const Elf64_Shdr *table, const Elf64_Shdr *strings, const char *name)
{
    const Elf64_Sym *symbols = part(library, table->sh_offset, table->sh_size);
    const char *texts = part(library, strings->sh_offset, strings->sh_size);
    size_t length = strlen(name) + 1;
    for (size_t i = 0; symbols && texts && i < table->sh_size / sizeof *symbols; i++)
        if (symbols[i].st_shndx != SHN_UNDEF && symbols[i].st_name < strings->sh_size && strings->sh_size - symbols[i].st_name >= length
            && memcmp(texts + symbols[i].st_name, name, length) == 0)
            return true;
    return false;
}

static bool exports(const struct vmi_library *library, const Elf64_Ehdr *header, const char *name)
{
    const Elf64_Shdr *sections = part(library, header->e_shoff, header->e_shnum * sizeof *sections);
    for (unsigned i = 0; sections && i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < header->e_shnum
            && defines(library, &sections[i], &sections[sections[i].sh_link], name))
            return true;
    return false;
}

struct vmi_library vmi_library_read(const char *path)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0)
        vmi_fail(VMI_BAD_LIBRARY, "%s can't be read: %m", path);
    struct vmi_library library = { .size = (size_t)facts.st_size };
    const Elf64_Ehdr *header = NULL;
    if (S_ISREG(facts.st_mode) && library.size >= sizeof *header) {
        library.bytes = mmap(NULL, library.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (library.bytes == MAP_FAILED)
            vmi_fail(VMI_BAD_LIBRARY, "%s can't be read: %m", path);
        header = library.bytes;
    }
    close(fd);
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64
        || header->e_type != ET_DYN)
        vmi_fail(VMI_BAD_LIBRARY, "%s is no shared library for x86-64", path);
    if (!exports(&library, header, VMI_LIBRARY_HANDLE) || !exports(&library, header, VMI_LIBRARY_QUIESCE))
        vmi_fail(VMI_BAD_LIBRARY, "%s does not export %s and %s, so it could not be taken out again", path, VMI_LIBRARY_HANDLE, VMI_LIBRARY_QUIESCE);
    return library;
}
