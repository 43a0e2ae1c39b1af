/* The guest's ordinary processes, as a table. */
#include "agent.h"

struct process {
    const char *path, *role;
    u32 uid, gid;
    int parent;         /* index of the parent in this table, or -1 for init */
};

static const struct process table[] = {
    /*  0 */ { "/usr/lib/systemd/systemd-journald", 0, 0, 0, -1 },
    /*  1 */ { "/usr/sbin/sshd", 0, 0, 0, -1 },
    /*  2 */ { "/usr/lib/openssh/sshd-session", 0, 1000, 1000, 1 },
    /*  3 */ { "/usr/bin/bash", 0, 1000, 1000, 2 },
    /*  4 */ { "/usr/bin/vim", 0, 1000, 1000, 3 },
    /*  5 */ { "/usr/sbin/nginx", 0, 0, 0, -1 },
    /*  6 */ { "/usr/sbin/nginx", 0, 33, 33, 5 },
    /*  7 */ { "/usr/sbin/nginx", 0, 33, 33, 5 },
    /*  8 */ { "/usr/lib/postgresql/15/bin/postgres", 0, 105, 110, -1 },
    /*  9 */ { "/usr/lib/postgresql/15/bin/postgres", 0, 105, 110, 8 },
    /* 10 */ { "/usr/lib/postgresql/15/bin/postgres", 0, 105, 110, 8 },
    /* 11 */ { "/usr/sbin/cron", 0, 0, 0, -1 },
    /* 12 */ { "/usr/bin/dbus-daemon", 0, 100, 107, -1 },
    /* 13 */ { "/usr/sbin/rsyslogd", "threads=4", 0, 4, -1 },
    /* 14 */ { "/usr/sbin/chronyd", 0, 108, 113, -1 },
    /* 15 */ { "/usr/sbin/agetty", 0, 0, 5, -1 },
    /* 16 */ { "/usr/bin/redis-server", "threads=5", 111, 117, -1 },
    /* 17 */ { "/usr/bin/python3.11", "threads=3", 1001, 1001, -1 },
    /* 18 */ { "/usr/bin/perl", 0, 65534, 65534, 17 },
    /* 19 */ { "/usr/bin/tail", 0, 4294967293u, 4294967293u, 3 },
    /* 20 */ { "/usr/bin/a-name-longer-than-fifteen-bytes", 0, 1002, 1002, -1 },
    /* 21 */ { "/opt/My Programs/gr\303\274\303\237e \346\227\245\346\234\254 \360\237\220\247", 0, 1003, 1003, -1 },
    /* 22 */ { "/d01/d02/d03/d04/d05/d06/d07/d08/d09/d10/d11/d12/d13/d14/d15/d16/d17/d18/d19/d20/d21/d22/d23/d24/d25"
               "/d26/d27/d28/d29/deep", 0, 0, 0, -1 },
    /* 23 */ { "/usr/bin/odd-name", "odd-name", 0, 0, -1 },
    /* 24 */ { "/usr/bin/zombie-maker", "zombie", 1000, 1000, -1 },
    /* 25 */ { "/usr/bin/leader-gone", "leader-gone", 0, 0, -1 },
    /* 26 */ { "/usr/bin/marker", 0, 1000, 1000, -1 },
    /* 27 */ { "/usr/bin/node", "threads=11", 1004, 1004, -1 },
    /* 28 */ { "/usr/bin/(strange) name) (S 1", 0, 0, 0, -1 },
    /* 29 */ { "/usr/bin/java", "threads=15", 1005, 1005, -1 },
    /* 30 */ { "/usr/bin/containerd", "threads=2", 0, 0, -1 },
    /* 31 */ { "/usr/sbin/exim4", 0, 102, 109, -1 },
};

enum { COUNT = sizeof table / sizeof *table };

/* Children are forked before the parent turns into its program: they stay its children then. */
static void start(int index)
{
    if (SYS_0(fork) != 0)
        return;
    for (int i = index + 1; i < COUNT; i++)
        if (table[i].parent == index)
            start(i);
    become(&(struct launch){ table[index].path, table[index].role, table[index].uid, table[index].gid, -1, 0 });
}

static void start_extra(u32 count)
{
    char path[64];
    make_folders("/usr/libexec/idle/");
    for (u32 i = 1; i <= count; i++) {
        put_number(put(path, "/usr/libexec/idle/idle-"), i);
        SYS_2(link, APP, path);
        launch(&(struct launch){ path, 0, 2000 + i, 2000, -1, 0 });
    }
}

void start_processes(u32 extra)
{
    for (int i = 0; i < COUNT; i++) {
        make_folders(table[i].path);
        SYS_2(link, APP, table[i].path);
    }
    for (int i = 0; i < COUNT; i++)
        if (table[i].parent < 0)
            start(i);
    start_in_places();
    start_extra(extra);
}
