/* The shim in a process with a KVM machine of its own, and a guest in it that looks whether all goes on as if there were no shim.
 *
 *     mini_guest [SCENARIO [SCALE]]     one of them, or all that this KVM can, each in a process of its own; does SCALE times as much
 *     mini_guest missing                the names of those that this KVM cannot
 *     mini_guest measure [SCALE]        what an event costs
 *
 * Needs /dev/kvm. A software KVM does some of them only; the KVM lab (tests/guests/README.md) all. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mini_abilities.h"
#include "mini_client.h"
#include "mini_machine.h"
#include "mini_measure.h"
#include "vmi_check.h"
#include "vmi_pages.h"

enum { PORT = 0x59, LONG_S = 60 };

extern char **environ;

static uint64_t scale = 1;
static struct mini_client client;
static uint8_t *before;                  /* the guest's code and caves as they were */

enum { KEPT_BYTES = 0x80000 };

/* ---- what scenarios have in common ---- */

static void begin(uint32_t vcpus, uint32_t policy, uint32_t ring_bytes)
{
    mini_make(vcpus);
    before = malloc(KEPT_BYTES);
    memcpy(before, mini.ram + MINI_CODE_AT, KEPT_BYTES);
    mini_client_open(&client, policy, ring_bytes);
}

static bool is_as_before(void)
{
    return memcmp(before, mini.ram + MINI_CODE_AT, KEPT_BYTES) == 0;
}

/* Waits for what must become true; what does not ends the scenario. */
static bool comes(bool (*holds)(void))
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (!holds()) {
        usleep(500);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - from.tv_sec > LONG_S)
            mini_give_up();
    }
    return true;
}

static bool all_done(void)
{
    for (uint32_t i = 0; i < mini.count; i++)
        if (!mini.vcpus[i].is_done)
            return false;
    return true;
}

static uint64_t rounds_done(void)
{
    uint64_t rounds = 0;
    for (uint32_t i = 0; i < mini.count; i++)
        rounds += *mini_word(mini_page(i), MINI_ROUNDS);
    return rounds;
}

static void expect_ask(int status, const char *what)
{
    if (status != 0)
        printf("  %s: %s: %s\n", what, strerror(-status), client.problem);
    expect(status == 0, what);
}

static struct vmi_site site_at(const uint8_t *label, uint8_t trap, uint8_t resume, uint8_t length)
{
    struct vmi_site site = {
        .address = mini_address(label), .physical = mini_address(label), .trap = trap, .resume = resume, .length = length, .port = PORT,
        .width = 8,
    };
    memcpy(site.original, label, length);
    return site;
}

static void add_site(struct mini_work *work, struct vmi_site site, uint32_t program)
{
    if (site.trap == VMI_TRAP_PORT && (site.resume == VMI_RESUME_STEP || site.resume == VMI_RESUME_PUSH || site.resume == VMI_RESUME_LOAD)) {
        site.cave = site.cave_physical = MINI_CAVES_AT + work->sites * 32;
        site.cave_length = site.length;
        memcpy(site.copy, site.original, site.length);
        memset(site.cave_original, 0xcc, site.length);
    }
    work->program[work->sites] = program;
    work->site[work->sites++] = site;
}

/* A port trap on each instruction of mini_work, each gone on from in another way. */
static struct mini_work every_way(uint32_t program)
{
    struct mini_work work = { 0 };
    struct vmi_site site = site_at(mini_push, VMI_TRAP_PORT, VMI_RESUME_PUSH, 2);
    site.source = 12;
    add_site(&work, site_at(mini_skip, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4), program);
    add_site(&work, site, program);
    site = site_at(mini_move, VMI_TRAP_PORT, VMI_RESUME_MOVE, 3);
    site.source = 3;
    site.target = 13;
    add_site(&work, site, program);
    site = site_at(mini_load, VMI_TRAP_PORT, VMI_RESUME_LOAD, 4);
    site.source = 7;
    site.displacement = 8;
    site.target = 9;
    add_site(&work, site, program);
    add_site(&work, site_at(mini_step, VMI_TRAP_PORT, VMI_RESUME_STEP, 4), program);
    return work;
}

/* Hands out RAX, RIP and RSI. */
static struct mini_program speaking_program(void)
{
    struct mini_program program = { 0 };
    mini_program_register(&program, 0, -24);
    mini_program_register(&program, 16, -16);
    mini_program_register(&program, 4, -8);
    mini_program_emit(&program, 24, -24);
    mini_program_end(&program);
    return program;
}

static void load_speaking(void)
{
    struct mini_program program = speaking_program();
    expect_ask(mini_client_load(&client, &program), "load");
}

/* Drains the ring and answers calls until all vCPUs are done. */
static void serve_until_done(void)
{
    while (!all_done()) {
        vmi_reader_take(&client.reader, UINT64_MAX);
        mini_client_pump(&client, 1);
    }
    vmi_reader_take(&client.reader, UINT64_MAX);
}

static void expect_restored(void)
{
    expect_ask(mini_client_ask(&client, VMI_END, NULL, 0), "end");
    expect(is_as_before(), "the guest's memory is not as it was");
    vmi_reader_take(&client.reader, UINT64_MAX);
    expect(client.reader.problem == NULL, client.reader.problem ? client.reader.problem : "");
}

static void expect_counts(const struct mini_work *work, uint64_t each)
{
    for (uint32_t i = 0; i < work->sites; i++) {
        if (mini_client_counters(&client, i)->hits != each)
            printf("  site %u:\n", i);
        expect_equal(each, mini_client_counters(&client, i)->hits, "events are not counted exactly");
        expect_equal(each, client.reader.taken[i] + client.reader.told[i] + vmi_reader_untold(&client.reader, i), "records are neither delivered nor told of");
    }
}

/* ---- scenarios ---- */

static void every_way_goes_on(uint32_t vcpus)
{
    uint64_t rounds = 1000 * scale / vcpus;
    begin(vcpus, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = every_way(0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_work, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "instructions do other things under traps");
    expect_equal(rounds * vcpus, rounds_done(), "the guest did not come through");
    expect_restored();
    expect_counts(&work, rounds * vcpus);
    for (uint32_t i = 0; i < work.sites; i++)
        expect_equal(0, client.reader.told[i], "a ring that blocks has lost records");
}

static void traps_1(void) { every_way_goes_on(1); }
static void traps_2(void) { every_way_goes_on(2); }
static void traps_4(void) { every_way_goes_on(4); }

/* Two vCPUs that do nothing else than meet one trap. */
static void hammer(uint8_t trap)
{
    uint64_t rounds = 1000 * scale;
    begin(2, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_one, trap, VMI_RESUME_SKIP, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_one_site, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "errors");
    expect_equal(rounds * 2, rounds_done(), "the guest did not come through");
    expect_restored();
    expect_counts(&work, rounds * 2);
    expect_equal(0, client.reader.told[0], "a ring that blocks has lost records");
}

static void hammer_breakpoint(void) { hammer(VMI_TRAP_EXECUTE); }
static void hammer_port(void) { hammer(VMI_TRAP_PORT); }

static void breakpoints(void)
{
    uint64_t rounds = 500 * scale;
    begin(2, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_skip, VMI_TRAP_EXECUTE, VMI_RESUME_SKIP, 4), 0);
    add_site(&work, site_at(mini_push, VMI_TRAP_EXECUTE, VMI_RESUME_FLAG, 2), 0);
    add_site(&work, site_at(mini_move, VMI_TRAP_EXECUTE, VMI_RESUME_STEP, 3), 0);
    add_site(&work, site_at(mini_step, VMI_TRAP_EXECUTE, VMI_RESUME_FLAG, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_work, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "instructions do other things under breakpoints");
    expect_equal(0, mini.vcpus[0].debug_exits + mini.vcpus[1].debug_exits, "the VMM sees exits that are not its own");
    expect_restored();
    expect_counts(&work, rounds * 2);
}

static uint64_t bases_seen, bases_wrong;

static void see_base(void *context, const struct vmi_record *record, const void *bytes)
{
    uint64_t values[2];
    memcpy(values, bytes, sizeof values);
    bases_seen++;
    bases_wrong += values[0] != values[1];
    (void)context, (void)record;
}

/* Behind `lidt` a program sees the new table. RAX holds its base. */
static void afterwards(void)
{
    uint64_t rounds = 500 * scale;
    struct mini_program program = { 0 };
    begin(2, VMI_BLOCK, 1 << 20);
    mini_program_register(&program, 0, -16);
    mini_program_register(&program, 27, -8);
    mini_program_emit(&program, 16, -16);
    mini_program_end(&program);
    expect_ask(mini_client_load(&client, &program), "load");
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_lidt, VMI_TRAP_EXECUTE, VMI_RESUME_STEP, 4), 0);
    work.use[0].flags = VMI_USE_AFTER;
    expect_ask(mini_client_apply(&client, &work), "apply");
    client.reader.see = see_base;
    mini_start(mini_tables, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "lidt does other things");
    expect_restored();
    expect_counts(&work, rounds * 2);
    expect_equal(rounds * 2, bases_seen, "records are missing");
    expect_equal(0, bases_wrong, "a program behind lidt sees the old table");
}

static uint32_t answer_read(struct mini_client *at, const struct vmi_call *call)
{
    (void)at;
    bool is_known = call->rip == mini_address(mini_watch_read) || call->rip == mini_address(mini_watch_write);
    if (!is_known)
        printf("  a call at 0x%llx\n", (unsigned long long)call->rip);
    expect(is_known, "a call does not stand behind an access");
    return call->rip == mini_address(mini_watch_read) ? VMI_ANSWER_YES | VMI_ANSWER_ALWAYS : VMI_ANSWER_ALWAYS;
}

/* Of memory that is written and read in turn: `both` with a register for writes beside the one for reads. */
static void watch(bool both)
{
    uint64_t rounds = 500 * scale;
    begin(2, VMI_BLOCK, 1 << 20);
    load_speaking();
    client.answer = answer_read;
    struct mini_work work = { 0 };
    struct vmi_site site = { .address = MINI_WATCHED_AT, .trap = VMI_TRAP_WRITE, .length = 8, .resume = VMI_RESUME_NONE };
    if (both)
        add_site(&work, site, 0);
    site.trap = VMI_TRAP_ACCESS;
    add_site(&work, site, 0);
    work.use[work.sites - 1].flags = VMI_USE_READS;
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_watch, rounds);
    serve_until_done();
    uint64_t errors = mini_join();
    expect(mini.count > 1 || errors == 0, "memory is other than it was written");
    expect_restored();
    expect_counts(&work, rounds * 2);
    /* Each vCPU may ask once about each of the two instructions. Of two registers that a write meets, some processors tell of one. */
    if (client.calls < 1 || client.calls > 4)
        printf("  %llu calls\n", (unsigned long long)client.calls);
    expect(client.calls >= (both ? 1 : 2) && client.calls <= 4, "an instruction is asked about again and again, or not at all");
}

static void watchpoints(void) { watch(true); }
static void reads(void) { watch(false); }

/* Two vCPUs hammer the sites while what is at work changes at random, and ends; then whole sessions come and go. */
static void changes_at_random(void)
{
    uint64_t seed = 11, sessions = 4 * scale;
    begin(2, VMI_DROP, 1 << 18);
    mini_start(mini_work, UINT64_MAX);
    for (uint64_t session = 0; session < sessions; session++) {
        if (session > 0)
            mini_client_open(&client, VMI_DROP, 1 << 18);
        load_speaking();
        for (int change = 0; change < 10; change++) {
            struct mini_work all = every_way(0), some = { 0 };
            for (uint32_t i = 0; i < all.sites; i++) {
                if (next_random(&seed) % 2)
                    continue;
                some.program[some.sites] = 0;
                some.is_off[some.sites] = next_random(&seed) % 2;
                some.site[some.sites++] = all.site[i];
            }
            expect_ask(mini_client_apply(&client, &some), "apply");
            for (uint64_t takes = next_random(&seed) % 20; takes > 0; takes--) {
                vmi_reader_take(&client.reader, UINT64_MAX);
                mini_client_pump(&client, 1);
            }
        }
        expect_restored();
        mini_client_close(&client);
    }
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "instructions do other things while traps come and go");
    expect_equal(0, mini.vcpus[0].port_exits + mini.vcpus[1].port_exits, "a trap was met that nobody deals with");
    expect_equal(0, mini.vcpus[0].debug_exits + mini.vcpus[1].debug_exits, "a step was met that nobody deals with");
    expect(is_as_before(), "the guest's memory is not as it was");
}

/* A client that goes at any moment leaves nothing. */
static void clients_die(void)
{
    uint64_t seed = 12;
    begin(2, VMI_DROP, 1 << 18);
    mini_start(mini_work, UINT64_MAX);
    for (uint64_t death = 0; death < 20 * scale; death++) {
        if (death > 0)
            mini_client_open(&client, death % 2 ? VMI_BLOCK : VMI_DROP, 1 << 16);
        load_speaking();
        struct mini_work work = every_way(0);
        expect_ask(mini_client_apply(&client, &work), "apply");
        usleep((useconds_t)(next_random(&seed) % 20000));
        mini_client_close(&client);
        expect(comes(is_as_before), "a client's death leaves traps in the guest");
    }
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "instructions do other things while clients die");
    expect_equal(0, mini.vcpus[0].port_exits + mini.vcpus[1].port_exits, "a trap was met that nobody deals with");
}

static void losses_are_exact(void)
{
    uint64_t rounds = 1500 * scale;
    begin(2, VMI_DROP, VMI_MIN_RING);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_one, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_one_site, rounds);
    while (!all_done()) {
        usleep(1000);
        /* Too little, too late. */
        if (mini_client_counters(&client, 0)->lost > 0)
            vmi_reader_take(&client.reader, 10);
    }
    expect_equal(0, mini_join(), "errors");
    expect_restored();
    expect_counts(&work, rounds * 2);
    expect(mini_client_counters(&client, 0)->lost > 0 && client.reader.taken[0] > 0, "the ring was never full, or always");
}

static void own_traps_reach_the_guest(void)
{
    uint64_t rounds = 300 * scale;
    begin(1, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    /* At code that the guest does not come to: debug registers are ours, the exceptions are not. */
    add_site(&work, site_at(mini_one, VMI_TRAP_EXECUTE, VMI_RESUME_FLAG, 4), 0);
    add_site(&work, site_at(mini_skip, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_own, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "errors");
    expect_restored();
    expect_counts(&work, 0);
    expect_equal(rounds, *mini_word(MINI_HANDLERS_AT, MINI_INT3S), "the guest's own int3 does not reach it");
    expect_equal(rounds, *mini_word(MINI_HANDLERS_AT, MINI_DEBUGS), "the guest's own steps do not reach it");
    expect_equal(rounds, mini.vcpus[0].port_exits, "an exit that is QEMU's does not reach it");
}

static uint64_t rounds_before, hits_before;

static bool has_more_rounds(void)
{
    return rounds_done() > rounds_before + 20;
}

static bool has_more_hits(void)
{
    return mini_client_counters(&client, 0)->hits > hits_before + 20;
}

/* From now on: what was done before this call says nothing. */
static bool guest_goes_on(void)
{
    rounds_before = rounds_done();
    return comes(has_more_rounds);
}

static bool hits_go_on(void)
{
    hits_before = mini_client_counters(&client, 0)->hits;
    return comes(has_more_hits);
}

static bool is_trapped(void)
{
    return mini.ram[mini_address(mini_one)] == 0xe6;
}

/* Memory that is followed, to be sent elsewhere, has no traps in it; nor has that of a machine that stands still. */
static void traps_leave_with_nothing(void)
{
    begin(2, VMI_DROP, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_one, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_one_site, UINT64_MAX);
    expect(hits_go_on() && is_trapped(), "there is no trap");
    mini_set_memory(KVM_MEM_LOG_DIRTY_PAGES);
    expect(is_as_before(), "a trap is in memory that is followed");
    uint64_t hits = mini_client_counters(&client, 0)->hits;
    expect(guest_goes_on(), "the guest does not go on while its memory is followed");
    expect(is_as_before() && mini_client_counters(&client, 0)->hits <= hits, "a trap comes back into memory that is followed");
    mini_set_memory(0);
    expect(comes(is_trapped), "the trap does not come back");
    expect(hits_go_on(), "the trap does not work any more");
    /* As QEMU stops a machine: all vCPUs are out, then it reads the clock. */
    for (uint32_t i = 0; i < mini.count; i++) {
        mini.vcpus[i].is_to_stay_out = true;
        while (!mini.vcpus[i].stays_out) {
            mini_kick(&mini.vcpus[i]);
            usleep(500);
        }
    }
    struct kvm_clock_data clock;
    expect(ioctl(mini.vm, KVM_GET_CLOCK, &clock) == 0, "the clock");
    expect(is_as_before(), "a trap is in the memory of a machine that stands still");
    for (uint32_t i = 0; i < mini.count; i++)
        mini.vcpus[i].is_to_stay_out = false;
    expect(comes(is_trapped) && hits_go_on(), "the trap does not come back with the machine");
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "errors");
    expect_restored();
}

/* A page that the guest may read only; the second probe watches other bytes of it. */
static struct mini_work watched_page(void)
{
    struct mini_work work = { 0 };
    struct vmi_site site = { .address = MINI_WATCHED_AT, .physical = MINI_WATCHED_AT, .trap = VMI_TRAP_PAGE, .bytes = 8, .resume = VMI_RESUME_NONE };
    add_site(&work, site, 0);
    site.address = site.physical = MINI_WATCHED_AT + 64;
    site.bytes = 16;
    add_site(&work, site, 0);
    return work;
}

static void pages(uint32_t vcpus)
{
    uint64_t rounds = 500 * scale;
    begin(vcpus, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = watched_page();
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_watch, rounds);
    serve_until_done();
    uint64_t errors = mini_join();
    expect(vcpus > 1 || errors == 0, "memory is other than it was written");
    expect_restored();
    expect_equal(rounds * vcpus, mini_client_counters(&client, 0)->hits, "writes to a page are not counted exactly");
    expect_equal(0, mini_client_counters(&client, 1)->hits, "a write beside the watched bytes counts");
}

static void pages_1(void) { pages(1); }
static void pages_2(void) { pages(2); }

/* Locked writes, writes in a row; and at last an instruction that KVM's emulator does not know: the page is given back, and that is told. */
static void pages_take_every_store(void)
{
    uint64_t rounds = 100 * scale;
    begin(1, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = watched_page();
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_stores, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "memory is other than it was written");
    expect_equal(rounds * 2, mini_client_counters(&client, 0)->hits, "writes to a page are not counted exactly");
    expect_equal(rounds * 2, mini_client_counters(&client, 1)->hits, "writes in a row are not counted exactly");
    mini_client_pump(&client, 1000);
    expect_equal(1, client.pages, "that a page is watched no more is not told once");
    expect_ask(mini_client_apply(&client, &work), "apply");
    expect(!vmi_pages_are_in(), "a page is watched again that was given up");
    expect_restored();
}

/* QEMU finds its slot as it has set it, and what is written while memory is followed is seen by the log alone. */
static void pages_leave_with_nothing(void)
{
    begin(1, VMI_DROP, 1 << 20);
    load_speaking();
    struct mini_work work = watched_page();
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_watch, UINT64_MAX);
    expect(hits_go_on(), "writes are not seen");
    mini_set_memory(KVM_MEM_LOG_DIRTY_PAGES);
    uint64_t hits = mini_client_counters(&client, 0)->hits;
    expect(guest_goes_on(), "the guest does not go on while its memory is followed");
    expect_equal(hits, mini_client_counters(&client, 0)->hits, "writes are seen while memory is followed");
    expect(mini_is_dirty(MINI_WATCHED_AT), "a write to the page is not in the log");
    mini_set_memory(0);
    expect(hits_go_on(), "writes are not seen any more");
    expect_restored();
    expect(guest_goes_on(), "the guest does not go on behind the end");
    mini_set_memory(KVM_MEM_LOG_DIRTY_PAGES);
    mini_set_memory(0);
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "errors");
}

/* What was logged before a session, or ends after it, counts as well. */
static void logging_outlives_sessions(void)
{
    begin(1, VMI_DROP, 1 << 20);
    mini_set_memory(KVM_MEM_LOG_DIRTY_PAGES);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_one, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4), 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_one_site, UINT64_MAX);
    expect(guest_goes_on() && is_as_before(), "a trap is put into memory that is followed already");
    expect_restored();
    mini_client_close(&client);
    mini_set_memory(0);
    mini_client_open(&client, VMI_DROP, 1 << 20);
    load_speaking();
    expect_ask(mini_client_apply(&client, &work), "apply");
    expect(comes(is_trapped), "no trap is put into memory that is not followed any more");
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    mini_join();
    expect_restored();
}

/* An instruction that faults in its cave: its handler sees the site, mends the fault, and the instruction is executed: one event. */
static void displaced_instructions_fault(void)
{
    uint64_t rounds = 200 * scale;
    begin(1, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_load_absent, VMI_TRAP_PORT, VMI_RESUME_STEP, 4), 0);
    work.site[0].flags = VMI_SITE_MAY_FAULT;
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_fault, rounds);
    serve_until_done();
    expect_equal(0, mini_join(), "an instruction that faulted does other things");
    expect_equal(rounds, *mini_word(MINI_HANDLERS_AT, MINI_FAULTS), "the handler is called more or less often than the instruction faults");
    expect_equal(mini_address(mini_load_absent), *mini_word(MINI_HANDLERS_AT, MINI_FAULT_RIP), "the handler sees another address than the instruction's");
    expect_equal(0, *mini_word(MINI_HANDLERS_AT, MINI_FAULT_FLAGS) & 0x100, "the handler's frame would have the guest stepped");
    expect_equal(0, *mini_word(MINI_HANDLERS_AT, MINI_DEBUGS), "the guest gets a step that it has not asked for");
    expect_restored();
    expect_counts(&work, rounds);
}

static bool has_nmi(void)
{
    return *mini_word(MINI_HANDLERS_AT, MINI_NMIS) > 0;
}

/* Once all is out, interrupts come as before: a step that was under way at the end holds nothing back. */
static void interrupts_come_after_the_end(void)
{
    begin(1, VMI_DROP, 1 << 20);
    for (uint64_t i = 0; i < 30 * scale; i++) {
        if (i > 0)
            mini_client_open(&client, VMI_DROP, 1 << 20);
        load_speaking();
        struct mini_work work = { 0 };
        add_site(&work, site_at(mini_step, VMI_TRAP_PORT, VMI_RESUME_STEP, 4), 0);
        expect_ask(mini_client_apply(&client, &work), "apply");
        *mini_word(MINI_HANDLERS_AT, MINI_NMIS) = 0;
        mini_start(mini_work, UINT64_MAX);
        expect(hits_go_on(), "the trap is not met");
        expect_restored();
        mini.vcpus[0].wants_nmi = true;
        for (int kick = 0; kick < 100 && !has_nmi(); kick++) {
            mini_kick(&mini.vcpus[0]);
            usleep(20000);
        }
        expect(has_nmi(), "no NMI comes after the end");
        mini_stop();
        expect(comes(all_done), "the vCPU does not come to its end");
        expect_equal(0, mini_join(), "errors");
        *mini_word(mini_page(0), MINI_ROUNDS) = 0;
        mini_client_close(&client);
        if (failed)
            return;
    }
}

/* NMIs at any moment of traps and steps: each comes once, and none is noticed by what it interrupts. */
static void interrupts_come_meanwhile(void)
{
    uint64_t sent = 0, last = 0;
    begin(1, VMI_DROP, 1 << 20);
    load_speaking();
    struct mini_work work = every_way(0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_work, 1500 * scale);
    while (!all_done()) {
        vmi_reader_take(&client.reader, UINT64_MAX);
        uint64_t now = *mini_word(MINI_HANDLERS_AT, MINI_NMIS);
        if (now == last + (sent > 0) && !mini.vcpus[0].wants_nmi) {
            last = sent > 0 ? now : 0;
            sent++;
            mini.vcpus[0].wants_nmi = true;
        }
        if (mini.vcpus[0].wants_nmi)
            mini_kick(&mini.vcpus[0]);
        usleep(500);
    }
    expect_equal(0, mini_join(), "an NMI disturbs what is trapped");
    expect(has_nmi(), "no NMI came");
    expect_equal(0, *mini_word(MINI_HANDLERS_AT, MINI_DEBUGS), "the guest gets a step that it has not asked for");
    expect_restored();
    expect_counts(&work, 1500 * scale);
}

static uint32_t take_away(struct mini_client *at, const struct vmi_call *call)
{
    struct mini_work none = { 0 };
    (void)call;
    expect_ask(mini_client_apply(at, &none), "apply in a call");
    return 0;
}

/* A client that takes a site away in a call from it: the instruction is executed in its place. */
static void calls_take_sites_away(void)
{
    begin(1, VMI_DROP, 1 << 20);
    load_speaking();
    client.answer = take_away;
    for (int way = 0; way < 6; way++) {
        struct mini_work all = every_way(0), work = { 0 };
        add_site(&work, way < 5 ? all.site[way] : site_at(mini_step, VMI_TRAP_EXECUTE, VMI_RESUME_FLAG, 4), 0);
        work.use[0].flags = VMI_USE_CALL;
        expect_ask(mini_client_apply(&client, &work), "apply");
        uint64_t calls = client.calls;
        mini_start(mini_work, 20);
        serve_until_done();
        expect_equal(0, mini_join(), "an instruction whose site was taken away in a call is not executed");
        expect_equal(20, rounds_done(), "the guest did not come through");
        expect_equal(calls + 1, client.calls, "the client is called again");
        expect(is_as_before(), "the guest's memory is not as it was");
    }
    expect_restored();
}

/* A client that brings a program, in a call, that looks at memory. */
static uint32_t bring_program(struct mini_client *at, const struct vmi_call *call)
{
    struct mini_program program = { 0 };
    (void)call;
    mini_program_memory(&program, 5, 64, -64);   /* RDI */
    mini_program_emit(&program, 64, -64);
    mini_program_end(&program);
    expect_ask(mini_client_load(at, &program), "load in a call");
    struct {
        struct vmi_apply head;
        struct vmi_probe probe;
        struct vmi_body body;
        struct vmi_site site;
        struct vmi_use uses[2];
    } message = {
        .head = { 1, 1, 1, 2 },
        .probe = { 0, VMI_PROBE_ENABLED, 0, 1, 0, 0 },
        .site = site_at(mini_skip, VMI_TRAP_EXECUTE, VMI_RESUME_SKIP, 4),
        .uses = { { .probe = VMI_KEEP, .flags = VMI_USE_CALL }, { .probe = 0 } },
    };
    message.site.uses = 2;
    expect_ask(mini_client_ask(at, VMI_APPLY, &message, sizeof message), "apply in a call");
    at->answer = NULL;
    return 0;
}

static void calls_bring_programs(void)
{
    begin(1, VMI_BLOCK, 1 << 20);
    client.answer = bring_program;
    struct {
        struct vmi_apply head;
        struct vmi_site site;
        struct vmi_use use;
    } message = { .head = { 0, 0, 1, 1 }, .site = site_at(mini_skip, VMI_TRAP_EXECUTE, VMI_RESUME_SKIP, 4), .use = { .probe = VMI_KEEP, .flags = VMI_USE_CALL } };
    message.site.uses = 1;
    expect_ask(mini_client_ask(&client, VMI_APPLY, &message, sizeof message), "apply");
    mini_start(mini_work, 20);
    serve_until_done();
    expect_equal(0, mini_join(), "errors");
    expect_restored();
    expect_equal(20, client.reader.taken[0], "a program that came in a call does not run at once");
}

/* A program runs for a request, on a vCPU that has not run yet as well. */
static void programs_run_on_request(void)
{
    begin(2, VMI_BLOCK, 1 << 20);
    load_speaking();
    struct mini_work work = { 0 };
    add_site(&work, site_at(mini_one, VMI_TRAP_EXECUTE, VMI_RESUME_SKIP, 4), 0);
    mini_start(mini_idle, 0);
    expect(guest_goes_on(), "the guest does not run");
    expect_ask(mini_client_apply(&client, &work), "apply");
    for (uint32_t i = 0; i < 20; i++)
        expect_ask(mini_client_ask(&client, VMI_RUN, &(struct vmi_run){ 0, i % 2 }, sizeof(struct vmi_run)), "run");
    expect_equal((uint64_t)-ENOENT, (uint64_t)(int64_t)mini_client_ask(&client, VMI_RUN, &(struct vmi_run){ 0, 2 }, sizeof(struct vmi_run)), "a vCPU that there is not");
    vmi_reader_take(&client.reader, UINT64_MAX);
    expect_equal(20, client.reader.taken[0], "a program does not run on request");
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "errors");
    expect_restored();
}

static void see_shown(void *context, const struct vmi_record *record, const void *bytes)
{
    (void)record;
    const uint64_t expected[] = { MINI_STACKS_AT + 0x4000 + 16, mini_address(mini_skip) - 3 };
    *(uint64_t *)context += memcmp(bytes, expected, sizeof expected) == 0;
}

/* A site that stands behind pushes of its function shows the registers of the function's first instruction. */
static void sites_show_where_they_belong(void)
{
    uint64_t right = 0;
    struct mini_program program = { 0 };
    struct mini_work work = { 0 };
    struct vmi_site site = site_at(mini_skip, VMI_TRAP_PORT, VMI_RESUME_SKIP, 4);
    site.shown = -3;
    site.pushed = 16;
    begin(1, VMI_BLOCK, 1 << 20);
    mini_program_register(&program, 7, -16);
    mini_program_register(&program, 16, -8);
    mini_program_emit(&program, 16, -16);
    mini_program_end(&program);
    expect_ask(mini_client_load(&client, &program), "load");
    add_site(&work, site, 0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    client.reader.see = see_shown;
    client.reader.context = &right;
    mini_start(mini_work, 50);
    serve_until_done();
    expect_equal(0, mini_join(), "errors");
    expect_restored();
    expect_equal(50, right, "a site shows other registers than those of the place it stands for");
}

int vmi_shim_quiesce(void);
int vmi_shim_start(void);

static bool is_at_rest(void)
{
    return vmi_shim_quiesce() == 0;
}

/* As in a process that keeps the library when it is taken out. */
static void library_rests_and_starts_again(void)
{
    begin(2, VMI_DROP, 1 << 20);
    mini_start(mini_work, UINT64_MAX);
    for (int session = 0; session < 5; session++) {
        if (session > 0)
            mini_client_open(&client, VMI_DROP, 1 << 20);
        load_speaking();
        struct mini_work work = every_way(0);
        expect_ask(mini_client_apply(&client, &work), "apply");
        expect(hits_go_on(), "the traps are not met");
        expect_restored();
        mini_client_close(&client);
        expect(comes(is_at_rest) && guest_goes_on(), "the guest does not go on without the shim");
        expect_equal(1, (uint64_t)vmi_shim_start(), "the shim does not start again");
        expect_equal(0, (uint64_t)vmi_shim_start(), "the shim starts twice");
    }
    mini_stop();
    expect(comes(all_done), "a vCPU does not come to its end");
    expect_equal(0, mini_join(), "errors");
    expect_equal(0, mini.vcpus[0].port_exits + mini.vcpus[1].port_exits, "a trap was met that nobody deals with");
}

/* ---- all of them ---- */

static bool reset_is_told(void)
{
    mini_client_pump(&client, 1);
    return client.resets == 1;
}

/* What QEMU does at a reset, and what it does at other times. */
static void resets_are_told(void)
{
    struct kvm_sregs sregs, running;
    begin(2, VMI_DROP, 1 << 20);
    load_speaking();
    struct mini_work work = every_way(0);
    expect_ask(mini_client_apply(&client, &work), "apply");
    mini_start(mini_work, 100);
    serve_until_done();
    expect_equal(0, mini_join(), "errors");
    expect(ioctl(mini.vcpus[0].fd, KVM_GET_SREGS, &running) == 0, "no system registers");
    sregs = running;
    sregs.cr0 = 0x60000010;
    sregs.cr4 = sregs.efer = 0;
    sregs.cs = (struct kvm_segment){ .base = 0xffff0000, .limit = 0xffff, .selector = 0xf000, .type = 11, .present = 1, .s = 1 };
    /* Another vCPU is started by the guest. */
    expect(ioctl(mini.vcpus[1].fd, KVM_SET_SREGS, &sregs) == 0 && ioctl(mini.vcpus[0].fd, KVM_SET_SREGS, &running) == 0, "no system registers");
    mini_client_pump(&client, 100);
    expect_equal(0, client.resets, "a vCPU of a guest that runs was reset");
    expect(ioctl(mini.vcpus[0].fd, KVM_SET_SREGS, &sregs) == 0 && comes(reset_is_told), "a reset is not told");
    expect_restored();
}

static const struct { const char *name; void (*run)(void); } scenarios[] = {
    { "traps-1", traps_1 }, { "traps-2", traps_2 }, { "traps-4", traps_4 },
    { "breakpoints", breakpoints }, { "after", afterwards }, { "watchpoints", watchpoints }, { "reads", reads },
    { "losses", losses_are_exact }, { "own", own_traps_reach_the_guest },
    { "changes", changes_at_random }, { "deaths", clients_die },
    { "leave", traps_leave_with_nothing }, { "logging", logging_outlives_sessions },
    { "hammer-breakpoint", hammer_breakpoint }, { "hammer-port", hammer_port }, { "pages-1", pages_1 }, { "pages-2", pages_2 }, { "pages-stores", pages_take_every_store }, { "pages-leave", pages_leave_with_nothing },
    { "faults", displaced_instructions_fault }, { "nmi", interrupts_come_meanwhile }, { "end-nmi", interrupts_come_after_the_end },
    { "call-away", calls_take_sites_away }, { "call-program", calls_bring_programs }, { "request", programs_run_on_request }, { "shown", sites_show_where_they_belong }, { "reset", resets_are_told },
    { "again", library_rests_and_starts_again },
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static enum mini_ability needed_by(void (*scenario)(void))
{
    return scenario == breakpoints || scenario == afterwards ? MINI_GOES_ON
        : scenario == watchpoints || scenario == reads ? MINI_WATCHES
        : scenario == own_traps_reach_the_guest ? MINI_BREAKS
        : scenario == pages_take_every_store ? MINI_FLOATS : MINI_EVERY_KVM;
}

static int run_one(const char *name)
{
    for (int i = 0; i < SCENARIOS; i++) {
        if (strcmp(scenarios[i].name, name) != 0)
            continue;
        alarm(180 * (unsigned)scale);    /* one that hangs is ended, and told of */
        scenarios[i].run();
        return conclude();
    }
    printf("FAILED there is no scenario %s\n", name);
    return 2;
}

/* Another process, as there is one machine in each: its exit code, or what is none where a signal ended it. */
static int run_apart(char *first, char *second)
{
    char *arguments[] = { "mini_guest", first, second, NULL };
    pid_t child;
    int status;
    fflush(stdout);
    if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) != 0 || waitpid(child, &status, 0) != child)
        mini_die("another process");
    if (WIFSIGNALED(status))
        printf("FAILED %s was ended by signal %d\n", first, WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool kvm_can(enum mini_ability ability)
{
    static char known[MINI_ABILITIES];
    char number[] = { (char)('0' + ability), 0 };
    if (ability == MINI_EVERY_KVM)
        return true;
    if (!known[ability])
        known[ability] = run_apart("can", number) == 0 ? 'y' : 'n';
    return known[ability] == 'y';
}

static int run_all(char *scale_text)
{
    int passed = 0, run = 0;
    for (int i = 0; i < SCENARIOS; i++) {
        char *name = (char *)(uintptr_t)scenarios[i].name;
        struct timespec from, to;
        if (!kvm_can(needed_by(scenarios[i].run))) {
            printf("%s is not for this KVM\n", name);
            continue;
        }
        run++;
        printf("%s:\n", name);
        clock_gettime(CLOCK_MONOTONIC, &from);
        bool has_passed = run_apart(name, scale_text) == 0;
        clock_gettime(CLOCK_MONOTONIC, &to);
        passed += has_passed;
        printf("%s %s in %ld s\n", name, has_passed ? "passed" : "did not pass", (long)(to.tv_sec - from.tv_sec));
    }
    printf("%d of %d scenarios passed\n", passed, run);
    return passed != run;
}

static int tell_missing(void)
{
    for (int i = 0; i < SCENARIOS; i++)
        if (!kvm_can(needed_by(scenarios[i].run)))
            printf("%s\n", scenarios[i].name);
    return 0;
}

int main(int count, char **arguments)
{
    char *what = count > 1 ? arguments[1] : "all", *second = count > 2 ? arguments[2] : "1";
    setvbuf(stdout, NULL, _IOLBF, 0);
    scale = strtoull(second, NULL, 0);
    if (strcmp(what, "all") == 0)
        return run_all(second);
    if (strcmp(what, "measure") == 0)
        return mini_measure(scale);
    if (strcmp(what, "missing") == 0)
        return tell_missing();
    if (strcmp(what, "can") == 0)
        return !mini_kvm_can((enum mini_ability)scale);
    return run_one(what);
}
