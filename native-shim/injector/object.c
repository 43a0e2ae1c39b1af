#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "outcome.h"

enum { DYNAMIC_ENTRIES = 512, SYMBOLS = 1 << 18, STRINGS = 16 << 20, BUCKETS = 1 << 18, HIDDEN_VERSION = 0x8000 };

struct dynamic {
    uint64_t symbols, strings, string_bytes, gnu_hash, hash, versions, soname;
};

/* glibc has replaced the offsets in there by addresses, musl has not. */
static uint64_t resolve(const struct vmi_object *object, uint64_t value)
{
    return value && value < object->bias ? value + object->bias : value;
}

static bool read_dynamic(const struct vmi_memory *memory, const struct vmi_object *object, struct dynamic *dynamic)
{
    *dynamic = (struct dynamic){ 0 };
    const Elf64_Phdr *segment = NULL;
    for (unsigned i = 0; i < object->segment_count; i++)
        if (object->segments[i].p_type == PT_DYNAMIC)
            segment = &object->segments[i];
    if (!segment)
        return false;
    for (unsigned i = 0; i < DYNAMIC_ENTRIES; i++) {
        Elf64_Dyn entry;
        if (!vmi_memory_read(memory, object->bias + segment->p_vaddr + i * sizeof entry, &entry, sizeof entry))
            return false;
        uint64_t address = resolve(object, entry.d_un.d_ptr);
        switch (entry.d_tag) {
        case DT_NULL: return dynamic->symbols && dynamic->strings;
        case DT_SYMTAB: dynamic->symbols = address; break;
        case DT_STRTAB: dynamic->strings = address; break;
        case DT_STRSZ: dynamic->string_bytes = entry.d_un.d_val; break;
        case DT_GNU_HASH: dynamic->gnu_hash = address; break;
        case DT_HASH: dynamic->hash = address; break;
        case DT_VERSYM: dynamic->versions = address; break;
        case DT_SONAME: dynamic->soname = entry.d_un.d_val; break;
        default: break;
        }
    }
    return false;
}

bool vmi_object_at(const struct vmi_memory *memory, const struct vmi_mapping *mapping, struct vmi_object *object)
{
    Elf64_Ehdr header;
    /* What can be written there is no program's begin: a guest's RAM may be a file too, and hold what the guest likes. */
    if (mapping->offset != 0 || mapping->path[0] != '/' || mapping->writable || mapping->shared
        || !vmi_memory_read(memory, mapping->start, &header, sizeof header))
        return false;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64
        || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > VMI_SEGMENTS)
        return false;
    *object = (struct vmi_object){ .segment_count = header.e_phnum };
    if (!vmi_memory_read(memory, mapping->start + header.e_phoff, object->segments, header.e_phnum * sizeof(Elf64_Phdr)))
        return false;
    const Elf64_Phdr *first = object->segments;
    while (first < object->segments + object->segment_count && first->p_type != PT_LOAD)
        first++;
    if (first == object->segments + object->segment_count || first->p_offset >= 4096)
        return false;
    object->bias = mapping->start - (first->p_vaddr - first->p_offset);
    struct dynamic dynamic;
    if (read_dynamic(memory, object, &dynamic) && dynamic.soname)
        vmi_memory_text(memory, dynamic.strings + dynamic.soname, object->soname, sizeof object->soname);
    return true;
}

/* The table's length stands nowhere: it is the highest index that the hash table leads to (glibc's elf/dl-lookup.c reads it so). */
static size_t count_gnu(const struct vmi_memory *memory, uint64_t table)
{
    struct { uint32_t buckets, first, bloom_words, shift; } header;
    if (!vmi_memory_read(memory, table, &header, sizeof header) || header.buckets > BUCKETS || header.bloom_words > BUCKETS)
        return 0;
    uint64_t buckets = table + sizeof header + header.bloom_words * 8ULL, chains = buckets + header.buckets * 4ULL;
    uint32_t last = 0;
    for (uint32_t i = 0; i < header.buckets; i++) {
        uint32_t symbol;
        if (!vmi_memory_read(memory, buckets + i * 4ULL, &symbol, sizeof symbol))
            return 0;
        last = symbol > last ? symbol : last;
    }
    if (last < header.first)
        return header.first;
    for (uint32_t hash = 0; !(hash & 1); last++)
        if (last > SYMBOLS || !vmi_memory_read(memory, chains + (last - header.first) * 4ULL, &hash, sizeof hash))
            return 0;
    return last;
}

static size_t count_symbols(const struct vmi_memory *memory, const struct dynamic *dynamic)
{
    uint32_t header[2];
    if (dynamic->gnu_hash)
        return count_gnu(memory, dynamic->gnu_hash);
    return dynamic->hash && vmi_memory_read(memory, dynamic->hash, header, sizeof header) ? header[1] : 0;
}

/* A copy of a table, to be freed; NULL where it can't be had. */
static void *copy(const struct vmi_memory *memory, uint64_t address, size_t size, size_t limit)
{
    char *bytes = address && size > 0 && size <= limit ? malloc(size) : NULL;
    if (bytes && !vmi_memory_read(memory, address, bytes, size)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static uint64_t find(const Elf64_Sym *symbols, const uint16_t *versions, size_t count, const char *strings, size_t string_bytes, const char *name)
{
    size_t length = strlen(name) + 1;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Sym *symbol = &symbols[i];
        if (symbol->st_shndx != SHN_UNDEF && symbol->st_name <= string_bytes && string_bytes - symbol->st_name >= length
            && memcmp(strings + symbol->st_name, name, length) == 0 && !(versions && versions[i] & HIDDEN_VERSION)
            && ELF64_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC)
            return symbol->st_value;
    }
    return 0;
}

uint64_t vmi_object_symbol(const struct vmi_memory *memory, const struct vmi_object *object, const char *name)
{
    struct dynamic dynamic;
    if (!read_dynamic(memory, object, &dynamic))
        return 0;
    size_t count = count_symbols(memory, &dynamic);
    Elf64_Sym *symbols = copy(memory, dynamic.symbols, count * sizeof *symbols, SYMBOLS * sizeof *symbols);
    uint16_t *versions = copy(memory, dynamic.versions, count * sizeof *versions, SYMBOLS * sizeof *versions);
    char *strings = copy(memory, dynamic.strings, dynamic.string_bytes, STRINGS);
    uint64_t value = symbols && strings ? find(symbols, versions, count, strings, dynamic.string_bytes, name) : 0;
    free(symbols);
    free(versions);
    free(strings);
    return value ? object->bias + value : 0;
}
