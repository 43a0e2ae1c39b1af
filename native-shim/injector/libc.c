#include <string.h>

#include "libc.h"
#include "object.h"
#include "outcome.h"

enum part { PART_NONE, PART_LIBC, PART_LIBDL };

/* musl's library is also its loader, and known by either name of its file (ld-musl-x86_64.so.1 leads to libc.so, or the other way
   round): its DT_SONAME differs between distributions. */
static enum part part_of(const struct vmi_mapping *mapping, const struct vmi_object *object)
{
    const char *file = strrchr(mapping->path, '/') + 1;
    if (strcmp(object->soname, "libc.so.6") == 0 || strncmp(file, "ld-musl-", 8) == 0 || strcmp(file, "libc.so") == 0)
        return PART_LIBC;
    return strcmp(object->soname, "libdl.so.2") == 0 ? PART_LIBDL : PART_NONE;
}

static bool is_code(const struct vmi_target *target, uint64_t address)
{
    const struct vmi_mapping *mapping = vmi_maps_find(&target->maps, address);
    return mapping && mapping->executable && mapping->path[0] == '/';
}

/* An image of the file that is only looked at, as a debugger does, has no code there. */
static bool has_code(const struct vmi_target *target, const struct vmi_object *object)
{
    for (unsigned i = 0; i < object->segment_count; i++)
        if (object->segments[i].p_type == PT_LOAD && object->segments[i].p_flags & PF_X
            && is_code(target, object->bias + object->segments[i].p_vaddr))
            return true;
    return false;
}

static void find_loader(struct vmi_target *target, const struct vmi_object *object)
{
    target->dlopen = vmi_object_symbol(&target->memory, object, "dlopen");
    target->dlclose = vmi_object_symbol(&target->memory, object, "dlclose");
    target->dlsym = vmi_object_symbol(&target->memory, object, "dlsym");
    target->dlerror = vmi_object_symbol(&target->memory, object, "dlerror");
}

void vmi_libc_find(struct vmi_target *target)
{
    struct vmi_object object, libc, libdl;
    unsigned libcs = 0, libdls = 0;
    for (size_t i = 0; i < target->maps.count; i++) {
        const struct vmi_mapping *mapping = &target->maps.entries[i];
        if (!vmi_object_at(&target->memory, mapping, &object) || !has_code(target, &object))
            continue;
        enum part part = part_of(mapping, &object);
        if (part == PART_LIBC) {
            libc = object;
            libcs++;
        } else if (part == PART_LIBDL) {
            libdl = object;
            libdls++;
        }
    }
    if (libcs == 0)
        vmi_fail(VMI_UNSUITABLE, "process %d has no C library that can load others: its program is statically linked, or has neither glibc nor musl", target->pid);
    if (libcs > 1 || libdls > 1)
        vmi_fail(VMI_UNSUITABLE, "process %d has loaded its C library several times (dlmopen): it can't be told which is the program's own", target->pid);
    target->errno_location = vmi_object_symbol(&target->memory, &libc, "__errno_location");
    target->is_musl = strcmp(libc.soname, "libc.so.6") != 0;
    find_loader(target, &libc);
    if (!target->dlopen && libdls == 1)
        find_loader(target, &libdl);
    if (!is_code(target, target->errno_location) || !is_code(target, target->dlopen) || !is_code(target, target->dlclose)
        || !is_code(target, target->dlsym) || !is_code(target, target->dlerror))
        vmi_fail(VMI_UNSUITABLE, "process %d has no dlopen: its glibc is older than 2.34 and libdl.so.2 is not loaded", target->pid);
}
