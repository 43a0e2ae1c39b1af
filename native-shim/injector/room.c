#include <string.h>

#include "object.h"
#include "outcome.h"
#include "room.h"

enum { PAGE = 4096, ALIGNMENT = 16 };

/* The bytes behind the segment's end; 0 where the segment is not plain code in a private mapping that ends with that page. */
static size_t measure(const struct vmi_target *target, const struct vmi_object *object, const Elf64_Phdr *segment, uint64_t *start)
{
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || segment->p_flags & PF_W || segment->p_filesz == 0
        || segment->p_filesz != segment->p_memsz)
        return 0;
    uint64_t code_end = object->bias + segment->p_vaddr + segment->p_filesz;
    uint64_t page_end = (code_end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    const struct vmi_mapping *mapping = vmi_maps_find(&target->maps, code_end - 1);
    if (!mapping || mapping->end != page_end || !mapping->executable || mapping->writable || mapping->shared || mapping->path[0] != '/')
        return 0;
    *start = (code_end + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    return *start < page_end ? page_end - *start : 0;
}

/* Linkers pad with zeros, some with `int3`. Anything else is somebody's. */
static bool is_padding(const struct vmi_target *target, uint64_t start, size_t size, uint64_t *fill)
{
    unsigned char bytes[PAGE];
    if (!vmi_memory_read(&target->memory, start, bytes, size) || (bytes[0] != 0 && bytes[0] != 0xcc))
        return false;
    for (size_t i = 1; i < size; i++)
        if (bytes[i] != bytes[0])
            return false;
    *fill = bytes[0];
    return true;
}

static bool is_left_over(struct vmi_target *target, uint64_t start, size_t size)
{
    uint64_t head[4];   /* magic, bytes, fill, rsp */
    if (size < sizeof head || !vmi_memory_read(&target->memory, start, head, sizeof head) || head[0] != VMI_TRAMPOLINE_MAGIC)
        return false;
    target->occupied = true;
    target->room = start;
    target->room_bytes = size;
    /* One that was killed while it wrote the head has sent nobody there, and what is missing there is the fill byte still. */
    target->room_fill = head[2] == 0xcc || head[2] == 0xcccccccccccccccc ? 0xcc : 0;
    target->entry_rsp = head[3] == 0xcccccccccccccccc ? 0 : head[3];
    return true;
}

/* The C library is never unloaded; others may be while we use them, and the one that we load is taken out by a trampoline. */
static unsigned rank(const struct vmi_target *target, const struct vmi_mapping *mapping)
{
    const struct vmi_mapping *libc = vmi_maps_find(&target->maps, target->errno_location);
    if (libc && strcmp(libc->path, mapping->path) == 0)
        return 2;
    return strncmp(mapping->path, "/memfd:", 7) == 0 ? 0 : 1;
}

static void look_at(struct vmi_target *target, const struct vmi_object *object, unsigned rank, unsigned *best)
{
    for (unsigned i = 0; i < object->segment_count && !target->occupied; i++) {
        uint64_t start = 0, fill;
        size_t size = measure(target, object, &object->segments[i], &start);
        if (is_left_over(target, start, size) || rank <= *best || size < vmi_trampoline_bytes() || !is_padding(target, start, size, &fill))
            continue;
        *best = rank;
        target->room = start;
        target->room_bytes = size;
        target->room_fill = fill;
    }
}

void vmi_room_find(struct vmi_target *target)
{
    struct vmi_object object;
    unsigned best = 0;
    for (size_t i = 0; i < target->maps.count && !target->occupied; i++)
        if (vmi_object_at(&target->memory, &target->maps.entries[i], &object))
            look_at(target, &object, rank(target, &target->maps.entries[i]), &best);
    if (!target->room)
        vmi_fail(VMI_UNSUITABLE, "process %d has no unused room of %zu bytes behind the code of any library", target->pid, vmi_trampoline_bytes());
}

void vmi_room_fill(struct vmi_target *target, const struct vmi_trampoline *trampoline)
{
    uint64_t words[sizeof *trampoline / 8];
    memcpy(words, trampoline, sizeof words);
    target->occupied = true;
    target->entry_rsp = trampoline->rsp;
    target->room_bytes = vmi_trampoline_bytes();
    for (size_t i = 0; i < target->room_bytes / 8; i++)
        vmi_memory_poke(&target->memory, target->room + i * 8, words[i]);
}

void vmi_room_clean(struct vmi_target *target)
{
    uint64_t fill = target->room_fill * 0x0101010101010101;
    for (size_t i = target->room_bytes / 8; i-- > 0;)
        vmi_memory_poke(&target->memory, target->room + i * 8, fill);
    target->occupied = false;
}
