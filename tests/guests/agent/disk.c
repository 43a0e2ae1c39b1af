/* The way out for the ground truth: a raw disk, written past the page cache, so that no copy of it stays in memory and
 * nothing is left for a kernel thread to write back. Frames, little-endian, without padding:
 *     u32 size of the name, u32 size of the data, name, data
 * Frames with the same name are pieces of one file; a frame of two zeros ends the stream. */
#include "agent.h"

static u8 buffer[1 << 17] __attribute__((aligned(4096)));
static word filled;
static u32 total;
static long disk = -1;

int disk_open(void)
{
    disk = SYS_3(open, "/dev/vda", O_WRONLY | O_DIRECT | O_CLOEXEC, 0);
    return disk < 0 ? -1 : 0;
}

static void flush(void)
{
    if (filled && SYS_3(write, disk, buffer, filled) != (long)filled)
        complain("cannot write to", "/dev/vda", 0);
    filled = 0;
}

static void add(const void *data, word size)
{
    const u8 *from = data;
    total += (u32)size;
    while (size) {
        word part = sizeof buffer - filled < size ? sizeof buffer - filled : size;
        memcpy(buffer + filled, from, part);
        filled += part;
        from += part;
        size -= part;
        if (filled == sizeof buffer)
            flush();
    }
}

void disk_rewind(void)
{
    filled = 0;
    total = 0;
    SYS_3(lseek, disk, 0, 0);
}

void disk_add(const char *name, const void *data, word size)
{
    u32 sizes[2] = { (u32)length(name), (u32)size };
    add(sizes, sizeof sizes);
    add(name, sizes[0]);
    add(data, size);
}

u32 disk_finish(void)
{
    disk_add("", "", 0);
    u32 used = total;
    word padded = (filled + 4095) & ~4095ul;
    memset(buffer + filled, 0, padded - filled);
    filled = padded;
    flush();
    return used;
}
