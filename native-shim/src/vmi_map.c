#define _GNU_SOURCE
#include "vmi_memory.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmi_system.h"

enum { PAGE = 4096 };

static bool is_sound(const struct vmi_range *range)
{
    return range->bytes != 0 && range->bytes % PAGE == 0 && range->physical % PAGE == 0 && range->host % PAGE == 0 && range->host != 0
        && range->physical + range->bytes > range->physical && range->host + range->bytes > range->host;
}

bool vmi_map_set(struct vmi_map *map, const struct vmi_range *ranges, uint32_t count)
{
    if (count > VMI_MAX_RANGES)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!is_sound(&ranges[i]) || (i > 0 && ranges[i - 1].physical + ranges[i - 1].bytes > ranges[i].physical))
            return false;
    if (count > 0)
        memcpy(map->ranges, ranges, count * sizeof *ranges);
    map->count = count;
    map->is_stale = false;
    return true;
}

static void insert(struct vmi_map *map, uint32_t at, struct vmi_range range)
{
    if (map->count == VMI_MAX_RANGES)
        return;
    memmove(&map->ranges[at + 1], &map->ranges[at], (map->count - at) * sizeof range);
    map->ranges[at] = range;
    map->count++;
}

static void erase(struct vmi_map *map, uint32_t at)
{
    memmove(&map->ranges[at], &map->ranges[at + 1], (map->count - at - 1) * sizeof map->ranges[0]);
    map->count--;
}

void vmi_map_change(struct vmi_map *map, struct vmi_range range)
{
    uint64_t start = range.physical, end = start + range.bytes;
    uint32_t at = 0;
    while (at < map->count && map->ranges[at].physical < end) {
        struct vmi_range old = map->ranges[at];
        if (old.physical + old.bytes <= start) {
            at++;
            continue;
        }
        erase(map, at);
        if (old.physical < start)
            insert(map, at++, (struct vmi_range){ old.physical, start - old.physical, old.host });
        if (old.physical + old.bytes > end)
            insert(map, at, (struct vmi_range){ end, old.physical + old.bytes - end, old.host + (end - old.physical) });
    }
    if (range.host != 0 && is_sound(&range))
        insert(map, at, range);
}

uint8_t *vmi_map_find(const struct vmi_map *map, uint64_t physical, uint64_t *left)
{
    uint32_t low = 0, high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct vmi_range *range = &map->ranges[middle];
        uint64_t offset = physical - range->physical;
        if (physical < range->physical) {
            high = middle;
        } else if (offset >= range->bytes) {
            low = middle + 1;
        } else {
            *left = range->bytes - offset;
            return (uint8_t *)(uintptr_t)(range->host + offset);
        }
    }
    return NULL;
}

/* Copies memory that may have gone, by a call that says so instead of ending the process. */
static size_t copy_guarded(void *remote, void *local, size_t size, bool out)
{
    struct iovec here = { local, size }, there = { remote, size };
    long done = vmi_system_call(out ? SYS_process_vm_writev : SYS_process_vm_readv, getpid(), (long)&here, 1, (long)&there, 1, 0);
    return done > 0 ? (size_t)done : 0;
}

static size_t copy(const struct vmi_map *map, uint64_t physical, void *buffer, size_t size, bool out)
{
    size_t done = 0;
    while (done < size) {
        uint64_t left;
        uint8_t *host = vmi_map_find(map, physical + done, &left);
        if (!host)
            break;
        size_t part = size - done < left ? size - done : left, copied = part;
        uint8_t *local = (uint8_t *)buffer + done;
        if (map->is_stale)
            copied = copy_guarded(host, local, part, out);
        else if (out)
            memcpy(host, local, part);
        else
            memcpy(local, host, part);
        done += copied;
        if (copied < part || physical + done < physical)
            break;
    }
    return done;
}

size_t vmi_physical_read(const struct vmi_map *map, uint64_t physical, void *buffer, size_t size)
{
    return copy(map, physical, buffer, size, false);
}

size_t vmi_physical_write(const struct vmi_map *map, uint64_t physical, const void *bytes, size_t size)
{
    return copy(map, physical, (void *)(uintptr_t)bytes, size, true);
}
