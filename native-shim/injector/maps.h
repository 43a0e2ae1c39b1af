/* /proc/PID/maps: what is mapped where. */
#ifndef VMI_MAPS_H
#define VMI_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vmi_mapping {
    uint64_t start, end;   /* end is the first address behind it */
    uint64_t offset;       /* in the file */
    bool readable, writable, executable, shared;
    const char *path;      /* "" for anonymous memory; points into the list's text */
};

struct vmi_maps {
    struct vmi_mapping *entries;
    size_t count;
    char *text;
};

/* Reads the list as it is now; ends the program where it can't be read. Freed by vmi_maps_free. */
struct vmi_maps vmi_maps_read(pid_t pid);

void vmi_maps_free(struct vmi_maps *maps);

/* The mapping with that address in it; NULL where nothing is mapped. */
const struct vmi_mapping *vmi_maps_find(const struct vmi_maps *maps, uint64_t address);

/* The first mapping of that path, or NULL. */
const struct vmi_mapping *vmi_maps_named(const struct vmi_maps *maps, const char *path);

#endif
