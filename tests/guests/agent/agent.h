/* What the parts of the guest's init know of each other. */
#pragma once
#include "text.h"

enum { READY_FD = 3 };

#define APP "/app"

/* util.c */
void say(const char *text);
void complain(const char *what, const char *about, long error);
long read_file(const char *path, char *to, word size);
void write_file(const char *path, const char *text);
int copy_file(const char *from, const char *to);
void make_folders(const char *path);
void make_raw(long port);

/* modules.c: loads the modules that /modules/order lists. */
void load_modules(void);

/* processes.c: starts everything in the table; the children have all done their part when it returns. */
void start_processes(u32 extra);

/* launch.c */
struct launch {
    const char *path;   /* what is executed; just a name where there is a file descriptor */
    const char *role;   /* the program's argument, see app.c */
    u32 uid, gid;
    int cpu;            /* the only CPU to run on, or -1 */
    int file;           /* what is executed instead of the path, if not 0 */
};
__attribute__((noreturn)) void become(const struct launch *what);
long launch(const struct launch *what);
long clone_with(long flags);
void ready_begin(void);
void ready_wait(void);

/* places.c: processes in odd places (mounts, chroots, namespaces, deleted and nameless files); after_start deletes
 * the files that are to be gone, once everybody has executed. */
void start_in_places(void);
void after_start(void);

/* disk.c: the ground truth's way out, a raw virtio disk. */
int disk_open(void);
void disk_rewind(void);
void disk_add(const char *name, const void *data, word size);
u32 disk_finish(void);

/* snapshot.c: answers "bytes tasks passes" in `reply`; 0 on success. */
int snapshot(int full, char *reply);

/* commands.c: reads commands from the control port and answers them, for ever. */
__attribute__((noreturn)) void serve_commands(void);

/* network.c: "up IFNAME" or "send IFNAME COUNT SIZE". */
int network(const char *words, char *reply);
