#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"
#include "outcome.h"

enum { MAPS_BYTES = 64 << 20 };

static char *read_text(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    ssize_t got = -1;
    while (fd >= 0 && text && (got = read(fd, text + size, room - size - 1)) > 0) {
        size += (size_t)got;
        if (room - size < 4096 * 2 && room < MAPS_BYTES)
            text = realloc(text, room *= 2);
    }
    if (got != 0)
        vmi_fail(errno == ENOENT || errno == ESRCH ? VMI_NO_PROCESS : VMI_BROKEN, "%s can't be read: %m", path);
    close(fd);
    text[size] = '\0';
    return text;
}

static bool parse_line(char *line, struct vmi_mapping *mapping)
{
    char rights[5] = "";
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %*u %n", &mapping->start, &mapping->end, rights, &mapping->offset, &path) < 4)
        return false;
    mapping->readable = rights[0] == 'r';
    mapping->writable = rights[1] == 'w';
    mapping->executable = rights[2] == 'x';
    mapping->shared = rights[3] == 's';
    mapping->path = path ? line + path : "";
    return true;
}

struct vmi_maps vmi_maps_read(pid_t pid)
{
    struct vmi_maps maps = { .text = read_text(pid) };
    size_t lines = 0;
    for (const char *c = maps.text; *c; c++)
        lines += *c == '\n';
    maps.entries = calloc(lines + 1, sizeof *maps.entries);
    if (!maps.entries)
        vmi_fail(VMI_BROKEN, "no memory");
    char *rest = maps.text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (maps.count < lines && parse_line(line, &maps.entries[maps.count]))
            maps.count++;
    /* That of a process that has just ended is empty. */
    if (maps.count == 0)
        vmi_fail(VMI_NO_PROCESS, "process %d has ended", pid);
    return maps;
}

void vmi_maps_free(struct vmi_maps *maps)
{
    free(maps->entries);
    free(maps->text);
    *maps = (struct vmi_maps){ 0 };
}

const struct vmi_mapping *vmi_maps_find(const struct vmi_maps *maps, uint64_t address)
{
    for (size_t i = 0; i < maps->count; i++)
        if (maps->entries[i].start <= address && address < maps->entries[i].end)
            return &maps->entries[i];
    return NULL;
}

const struct vmi_mapping *vmi_maps_named(const struct vmi_maps *maps, const char *path)
{
    for (size_t i = 0; i < maps->count; i++)
        if (strcmp(maps->entries[i].path, path) == 0)
            return &maps->entries[i];
    return NULL;
}
