/* Programs and libraries as they lie in the target's memory (ELF gABI, chapters 4 and 5). No file is read: it may be in another mount
   namespace, or replaced by an update since. What is read is not believed: every size and index has a bound. */
#ifndef VMI_OBJECT_H
#define VMI_OBJECT_H

#include <elf.h>

#include "maps.h"
#include "memory.h"

enum { VMI_SEGMENTS = 64 };

struct vmi_object {
    uint64_t bias;   /* added to the addresses in the file */
    unsigned segment_count;
    Elf64_Phdr segments[VMI_SEGMENTS];
    char soname[64]; /* "" without one */
};

/* The object whose file is mapped there from its begin on; false where there is none. */
bool vmi_object_at(const struct vmi_memory *memory, const struct vmi_mapping *mapping, struct vmi_object *object);

/* Address of an exported symbol, of its default version where it has several; 0 where there is none, or where only a resolver
   (STT_GNU_IFUNC) knows it. */
uint64_t vmi_object_symbol(const struct vmi_memory *memory, const struct vmi_object *object, const char *name);

#endif
