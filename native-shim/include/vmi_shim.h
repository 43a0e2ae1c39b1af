/* The shim's ABI: what a client (the module's C# driver) and the shim inside QEMU say to each other. A test of the C# side reads this
 * file and compares every size, offset and number with its own.
 *
 * All numbers are little-endian, all fields of fixed width, all structures without holes. Addresses: "virtual" and "physical" are the
 * guest's, "host" is QEMU's own address space. Times are nanoseconds.
 *
 * One client at a time. It connects to the abstract Unix stream socket "vmipl.shim.<pid>.<16 hex digits>" that the shim listens at; either
 * looks at the other's credentials: the shim takes root and its own user, the client takes the process that it wants. A client sends
 * requests, each a vmi_message with its payload, and gets one answer for each, in order, with the same sequence number; an answer has
 * the request's type, a status (0, or a negative errno) and, where that is not 0, a text (no NUL) as its payload. Notices (type
 * VMI_NOTICE_*) come unasked, with sequence number 0. When the connection ends, in whatever way, the guest is put back as it was. */
#ifndef VMI_SHIM_H
#define VMI_SHIM_H

#include <stdint.h>

#define VMI_SHIM_ABI 3u
#define VMI_SHIM_MAGIC 0x314d4853494d56ull /* "VMISHM1" */

enum {
    VMI_MAX_MESSAGE = 8 << 20,   /* bytes of the longest message, its head included */
    VMI_MAX_VCPUS = 512,
    VMI_MAX_RANGES = 4096,       /* of guest memory */
    VMI_MAX_PROGRAMS = 4096,
    VMI_MAX_PROBES = 1024,
    VMI_MAX_BODIES = 4096,
    VMI_MAX_SITES = 2048,
    VMI_MAX_USES = 8192,
    VMI_MIN_RING = 1 << 16,      /* bytes of the ring; a power of two */
    VMI_MAX_RING = 1 << 28,
    VMI_MAX_INSTRUCTION = 16,    /* bytes kept of an instruction */
    VMI_DEBUG_REGISTERS = 4,
};

/* The head of every message. */
struct vmi_message {
    uint32_t size;       /* bytes, this head included */
    uint32_t type;       /* enum vmi_request or vmi_notice */
    uint32_t sequence;   /* chosen by the client, repeated in the answer; 0 in a notice */
    int32_t status;      /* in an answer: 0 or a negative errno; else 0 */
};

enum vmi_request {
    VMI_HELLO = 1,       /* vmi_hello; answered with vmi_welcome and, as SCM_RIGHTS, the ring's memfd and an eventfd */
    VMI_MEMORY = 2,      /* vmi_range[]: where the guest's RAM lies in QEMU, in ascending order; replaces what is known. Without a range: the
                            client is about to look. -ESTALE where QEMU has changed something since that: it has to look again */
    VMI_THREADS = 3,     /* vmi_thread[]: all threads that run vCPUs, with QEMU's numbers of these; replaces what is known */
    VMI_LOAD = 4,        /* vmi_load and the code; programs are numbered from 0 in the order they are loaded */
    VMI_UNLOAD = 5,      /* vmi_number: drops programs until there are that many; none may be in use */
    VMI_APPLY = 6,       /* vmi_apply and its arrays: all that is to be at work from now on, all of it or nothing */
    VMI_RUN = 7,         /* vmi_run: runs a probe once on a vCPU, wherever that is; its pause is told before the answer */
    VMI_CONTINUE = 8,    /* vmi_continue: what VMI_NOTICE_CALL or VMI_NOTICE_PAUSE has held may go on */
    VMI_END = 9,         /* takes everything out; answered when the guest is as it was */
};

enum vmi_notice {
    VMI_NOTICE_PAUSE = 64,     /* vmi_pause: a program wants the machine paused. The vCPU is held until QEMU stops it */
    VMI_NOTICE_CALL = 65,      /* vmi_call: a use that is the client's to deal with. The vCPU is held until VMI_CONTINUE */
    VMI_NOTICE_MEMORY = 66,    /* nothing: the guest's memory map has changed; send VMI_MEMORY again */
    VMI_NOTICE_RESET = 67,     /* vmi_number, a vCPU: it was reset, or meets an event without paging: no probe means anything now */
    VMI_NOTICE_HELD = 68,      /* vmi_number, a vCPU: it was held too long for the client, and went on by itself */
    VMI_NOTICE_STILL = 69,     /* vmi_number: no vCPU runs; 0 when that is new, 1 when it has lasted for a second. Events may hold them, too: ask QEMU */
    VMI_NOTICE_PAGES = 70,     /* vmi_number, a vCPU: it wrote to a page of VMI_TRAP_PAGE by an instruction that KVM can't emulate: none is watched any more */
    VMI_NOTICE_VCPUS = 71,     /* nothing: a vCPU was plugged in, whose number is a guess; send VMI_THREADS again */
};

struct vmi_hello {
    uint64_t magic;
    uint32_t abi;
    uint32_t policy;         /* enum vmi_policy */
    uint32_t ring_bytes;
    uint32_t hold_ms;        /* longest time that an event waits for room in the ring */
    uint32_t answer_ms;      /* longest time that a vCPU is held for the client's answer to a notice */
    uint32_t unused;
};

enum vmi_policy { VMI_DROP = 0, VMI_BLOCK = 1 };

enum vmi_ability {
    VMI_CAN_RUN = 1,         /* the process has a KVM virtual machine; without this bit nothing else counts */
    VMI_CAN_SYNC = 2,        /* KVM hands registers out with an exit (KVM_CAP_SYNC_REGS) */
    VMI_CAN_DEBUG = 4,       /* breakpoints and single steps (KVM_CAP_SET_GUEST_DEBUG) */
    VMI_CAN_BLOCK_IRQ = 8,   /* single steps without interrupts (KVM_GUESTDBG_BLOCKIRQ, Linux 5.15) */
};

struct vmi_welcome {
    uint64_t magic;
    uint32_t abi;
    uint32_t abilities;      /* enum vmi_ability */
    uint32_t vcpus;
    uint32_t process;        /* its process id, as it sees it */
};

struct vmi_range { uint64_t physical, bytes, host; };

struct vmi_thread { uint32_t vcpu, thread; };

struct vmi_number { uint32_t number, unused; };

struct vmi_load {
    uint32_t scratch_bytes;
    uint32_t budget;
    uint32_t schemas;
    uint32_t words;          /* of the code behind this: RFC 9669, 8 bytes each */
    uint64_t registers;
};

/* Followed by vmi_probe[probes], vmi_body[bodies], vmi_site[sites], vmi_use[uses]. */
struct vmi_apply { uint32_t probes, bodies, sites, uses; };

struct vmi_probe {
    uint32_t id;             /* as scripts count them; for counters and selections: less than VMI_MAX_PROBES, each once */
    uint32_t flags;          /* enum vmi_probe_flag */
    uint32_t first_body;     /* index in the bodies */
    uint32_t bodies;         /* at least one */
    uint32_t body;           /* the one to run, or VMI_KEEP: what it runs now */
    uint32_t unused;
};

#define VMI_KEEP 0xffffffffu

enum vmi_probe_flag {
    VMI_PROBE_ENABLED = 1,
    VMI_PROBE_ON_RESUME = 2,   /* runs whenever QEMU lets a vCPU into the guest */
};

struct vmi_body {
    uint32_t program;
    uint32_t is_empty;       /* 1: nothing is run, and nothing counted */
};

/* How a site is trapped. */
enum vmi_trap {
    VMI_TRAP_EXECUTE = 0,    /* a debug register at the instruction */
    VMI_TRAP_WRITE = 1,      /* a debug register at memory that is written */
    VMI_TRAP_ACCESS = 2,     /* a debug register at memory that is read or written */
    VMI_TRAP_PORT = 3,       /* the instruction's first two bytes become `out imm8, al`; kernel code only */
    VMI_TRAP_INT3 = 4,       /* its first byte becomes `int3` */
    VMI_TRAP_PAGE = 5,       /* memory that is written, through whatever address: its page is read-only for the guest, and KVM hands each write out */
};

/* How the trapped instruction is executed. */
enum vmi_resume {
    VMI_RESUME_SKIP = 0,     /* it does nothing: RIP is moved behind it */
    VMI_RESUME_FLAG = 1,     /* in its place, with RFLAGS.RF (VMI_TRAP_EXECUTE only) */
    VMI_RESUME_STEP = 2,     /* a copy of it in a cave, by a single step; in its place where there is no cave, with RFLAGS.RF */
    VMI_RESUME_PUSH = 3,     /* push of the 64-bit register `source`, done here; as VMI_RESUME_STEP where memory is not mapped */
    VMI_RESUME_MOVE = 4,     /* mov of the register `source` to the register `target`, `width` bytes, done here */
    VMI_RESUME_LOAD = 5,     /* mov of `width` bytes at register `source` + `displacement` to the register `target`, likewise */
    VMI_RESUME_NONE = 6,     /* nothing is to be executed: memory traps */
};

struct vmi_site {
    uint64_t address;        /* virtual */
    uint64_t physical;       /* of the first byte; for the traps that change memory, and those of pages */
    uint64_t cave;           /* virtual address of the copy, or 0 */
    uint64_t cave_physical;
    uint32_t id;             /* the client's own number for it */
    uint32_t first_use;
    uint32_t uses;
    uint8_t trap;            /* enum vmi_trap */
    uint8_t length;          /* bytes of the instruction, or of the memory: 1, 2, 4, 8 */
    uint8_t resume;          /* enum vmi_resume */
    uint8_t source;          /* register numbers of the architecture: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, 5 RBP, 6 RSI, 7 RDI, 8 to 15 */
    uint8_t target;
    uint8_t width;           /* 4 (the upper half becomes 0) or 8 */
    uint8_t port;            /* of VMI_TRAP_PORT */
    uint8_t cave_length;     /* bytes of the copy */
    int32_t displacement;
    int32_t shown;           /* added to RIP before programs see it: a site may stand behind instructions that do nothing but push registers */
    uint32_t flags;          /* enum vmi_site_flag */
    uint32_t bytes;          /* of the memory of VMI_TRAP_PAGE: within one page of 4 KiB */
    uint32_t pushed;         /* bytes, likewise added to RSP */
    uint8_t original[VMI_MAX_INSTRUCTION];        /* what stands at the address: checked before anything is changed */
    uint8_t copy[VMI_MAX_INSTRUCTION];            /* the instruction as it is to run in the cave */
    uint8_t cave_original[VMI_MAX_INSTRUCTION];   /* what stands in the cave */
};

enum vmi_site_flag {
    VMI_SITE_MAY_FAULT = 1,  /* with VMI_RESUME_STEP: the instruction may raise #PF or #GP. It needs two debug registers that no site has */
};

/* What is done at a site, in this order. */
struct vmi_use {
    uint32_t probe;          /* index in the probes of this message; VMI_KEEP for a call */
    uint32_t flags;          /* enum vmi_use_flag */
    uint32_t msr;            /* with VMI_USE_MSR: only where ECX is this */
    uint32_t shown;          /* with VMI_USE_WRITES: the register that the instruction writes, by the language's number (28 CR0, 30 CR3 …) */
    uint8_t write;           /* enum vmi_write */
    uint8_t source;          /* register number as in vmi_site */
    uint8_t width;           /* bytes of the value, 4 or 8 */
    uint8_t unused[5];
};

enum vmi_use_flag {
    VMI_USE_AFTER = 1,       /* behind the instruction, once it is executed and RIP stands behind it */
    VMI_USE_CALL = 2,        /* the client is called: no program */
    VMI_USE_MSR = 4,
    VMI_USE_WRITES = 8,      /* programs see the value that the instruction is about to write */
    VMI_USE_READS = 16,      /* of VMI_TRAP_ACCESS: only where memory was read, which the client is called to say */
};

enum vmi_write {
    VMI_WRITE_REGISTER = 0,  /* the register `source` */
    VMI_WRITE_STATUS = 1,    /* lmsw: the low four bits of `source`, but bit 0 stays set */
    VMI_WRITE_CLEAR_TS = 2,  /* clts: the old value without bit 3 */
};

struct vmi_run { uint32_t probe, vcpu; };   /* the probe's id */

struct vmi_pause {
    uint32_t vcpu;
    uint32_t probe;          /* its id */
    uint32_t number;         /* for vmi_continue */
    uint32_t unused;
};

/* A vCPU at a site of the client's. Registers by number as in vmi_site. */
struct vmi_call {
    uint32_t vcpu;
    uint32_t site;           /* vmi_site.id */
    uint32_t number;         /* for vmi_continue */
    uint32_t unused;
    uint64_t registers[16];  /* behind the access, at memory; before the instruction, elsewhere */
    uint64_t rip, rflags, cr0, cr3, cr4, efer, fs_base, gs_base;
};

struct vmi_continue {
    uint32_t vcpu;
    uint32_t answer;         /* enum vmi_answer */
    uint32_t number;         /* of the call or pause that is answered; one that is over is not */
    uint32_t unused;
};

enum vmi_answer {
    VMI_ANSWER_YES = 1,      /* memory was read */
    VMI_ANSWER_ALWAYS = 2,   /* the instruction before that RIP does so whenever it meets the site: no need to ask again */
};

/* The shared memory: this head, the probes' counters at counters_at by probe id, the ring at ring_at. The shim believes nothing in it
 * but `tail` and `waiting`, and these only within bounds. */
struct vmi_ring {
    uint64_t magic;
    uint32_t abi;
    uint32_t counters_at;    /* bytes from the start */
    uint32_t ring_at;
    uint32_t ring_bytes;     /* a power of two */
    uint64_t unused[5];
    uint64_t head;           /* bytes reserved ever; the shim's */
    uint64_t unused_head[7];
    uint64_t tail;           /* bytes taken ever; the client's */
    uint32_t waiting;        /* the client sets 1 before it waits for the eventfd, having looked once more; the shim sets 0 and wakes it */
    uint32_t unused_tail[13];
};

struct vmi_counters {
    uint64_t hits;           /* events at which a program of the probe ran */
    uint64_t filtered;       /* those at which it handed out and did nothing */
    uint64_t records;        /* records made, lost ones included */
    uint64_t lost;           /* records that found no room */
    uint64_t held;           /* ns for which a vCPU was held for it */
    uint32_t body;           /* the one that it runs */
    uint32_t unused[5];
};

/* A record in the ring: this head and `bytes` bytes, the whole a multiple of 8 bytes. A record never wraps: where the ring's end is too near,
 * a VMI_RECORD_PAD fills it, and where not even a head has room there, nothing does: the next one is at the start. `head` is moved when a record has its place, with `state` 0; it is whole when `state` is VMI_WHOLE. The client
 * takes records in order, up to `head` and no further than whole ones, and moves the tail behind them; it writes nothing else. */
struct vmi_record {
    uint32_t state;          /* 0: being written; VMI_WHOLE, written last */
    uint32_t size;           /* bytes, head and padding included */
    uint16_t kind;           /* enum vmi_record_kind */
    uint16_t vcpu;
    uint32_t probe;          /* the probe's id */
    uint64_t time;           /* ns since 1970, UTC */
    uint64_t sequence;       /* of the probe's records, from 0, lost ones included */
    uint32_t schema;
    uint32_t bytes;
};

#define VMI_WHOLE 0x4b4f4552u /* "REOK" */

enum vmi_record_kind {
    VMI_RECORD_DATA = 0,
    VMI_RECORD_LOSS = 1,     /* of that probe: as many as `schema` says were lost before the next one, the first of them `sequence`. Losses that
                                found no room to be told of until the end show in the counters alone */
    VMI_RECORD_ENDED = 2,    /* a program did not end by itself: `schema` is the vmi_end, `sequence` the instruction */
    VMI_RECORD_PAD = 3,
    VMI_RECORD_SELECTED = 4, /* a program has selected a body: `schema` is its number */
    VMI_RECORD_KEPT = 5,     /* data of an event that wants the machine paused: nobody is to hear of it before VMI_NOTICE_PAUSE of its vCPU has been
                                followed, as whoever hears of a pause may resume the machine at once */
};

#endif
