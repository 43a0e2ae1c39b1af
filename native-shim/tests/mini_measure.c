#define _GNU_SOURCE
#include "mini_measure.h"

#include <stdio.h>
#include <string.h>

#include "mini_client.h"
#include "mini_machine.h"

enum { PORT = 0x59, ROUNDS = 40, TRIES = 80 };

/* What an event does. */
enum kind { FLOOR, EMPTY, FILTER, ONE_REGISTER, TEN_REGISTERS, TASKS, STEPPED, KINDS };

static struct mini_client client;

static const char *const kinds[KINDS] = {
    [FLOOR] = "floor: the probe is switched off", [EMPTY] = "an empty program", [FILTER] = "a filter that says no", [ONE_REGISTER] = "one register",
    [TEN_REGISTERS] = "ten registers and 64 bytes", [TASKS] = "a process list of 100 tasks", [STEPPED] = "stepped, the probe is switched off",
};

/* A list of tasks as a kernel has one, each on a page of its own: the next one's address, an id and a name. */
enum { TASKS_AT = 0x600000, TASK_BYTES = 0x1000, TASK_COUNT = 100, TASK_ID = 8, TASK_NAME = 16, TASK_NAME_BYTES = 16 };

static void make_tasks(void)
{
    for (uint64_t i = 0; i < TASK_COUNT; i++) {
        uint8_t *task = mini.ram + TASKS_AT + i * TASK_BYTES;
        memcpy(task, &(uint64_t){ TASKS_AT + (i + 1) % TASK_COUNT * TASK_BYTES }, 8);
        memcpy(task + TASK_ID, &(uint32_t){ (uint32_t)i }, 4);
        snprintf((char *)task + TASK_NAME, TASK_NAME_BYTES, "task-%u", (unsigned)i);
    }
}

/* Reads a member of the task that r6 points to. */
static void read_member(struct mini_program *program, int32_t offset, int32_t size, int32_t at)
{
    mini_program_add(program, 0xbf, 1, 10, 0, 0);
    mini_program_add(program, 0x07, 1, 0, 0, at);
    mini_program_add(program, 0xb7, 2, 0, 0, size);
    mini_program_add(program, 0xbf, 3, 6, 0, 0);
    mini_program_add(program, 0x07, 3, 0, 0, offset);
    mini_program_add(program, 0xb7, 4, 0, 0, 0);
    mini_program_add(program, 0x85, 0, 0, 0, 2);
}

/* A record for each task, from r6 on; r7 counts them. */
static void list_tasks(struct mini_program *program)
{
    mini_program_add(program, 0xb7, 6, 0, 0, TASKS_AT);
    mini_program_add(program, 0xb7, 7, 0, 0, TASK_COUNT);
    uint32_t next_task = program->count;
    read_member(program, TASK_ID, 4, -24);
    read_member(program, TASK_NAME, TASK_NAME_BYTES, -16);
    mini_program_emit(program, 24, -24);
    read_member(program, 0, 8, -32);
    mini_program_add(program, 0x79, 6, 10, -32, 0);
    mini_program_add(program, 0x07, 7, 0, 0, -1);
    mini_program_add(program, 0x55, 7, 0, (int16_t)(next_task - program->count - 1), 0);
}

static struct mini_program make_program(int kind)
{
    struct mini_program program = { 0 };
    switch (kind) {
    case FILTER:
        mini_program_register(&program, 4, -8);
        mini_program_add(&program, 0x15, 0, 0, 2, 0);        /* if r0 == 0, which it never is, it hands out a record */
        mini_program_end(&program);
        mini_program_emit(&program, 8, -8);
        break;
    case ONE_REGISTER:
        mini_program_register(&program, 4, -8);
        mini_program_emit(&program, 8, -8);
        break;
    case TEN_REGISTERS:
        for (uint32_t i = 0; i < 10; i++)
            mini_program_register(&program, i, (int16_t)(-144 + (int)i * 8));
        mini_program_memory(&program, 5, 64, -64);
        mini_program_emit(&program, 144, -144);
        break;
    case TASKS:
        list_tasks(&program);
        break;
    default:
        break;
    }
    mini_program_end(&program);
    return program;
}

static double run(const uint8_t *work, uint64_t rounds)
{
    mini_start(work, rounds);
    mini_join();
    return mini.vcpus[0].ns / (double)rounds;
}

/* An exit that the VMM answers, by libc's own function, and by what the program's table has once the last client is gone. */
static void measure_idle(uint64_t rounds)
{
    mini_client_open(&client, VMI_DROP, 1 << 24);
    mini_client_ask(&client, VMI_END, NULL, 0);
    mini_client_close(&client);
    double best[2] = { 0 };
    for (int i = 0; i < 2 * TRIES; i++) {
        mini.is_without_shim = i % 2 == 0;
        double ns = run(mini_exit, rounds);
        best[i % 2] = i < 2 || ns < best[i % 2] ? ns : best[i % 2];
    }
    mini.is_without_shim = false;
    printf("%-47s %10.0f\n%-47s %10.0f %10.3f\n", "exit without the shim", best[0], "exit with the idle shim", best[1], best[1] / best[0]);
}

static double measure(uint8_t trap, int kind, uint64_t rounds)
{
    struct mini_work work = { .sites = 1, .program = { (uint32_t)kind }, .is_off = { kind == FLOOR || kind == STEPPED } };
    struct vmi_site *site = &work.site[0];
    *site = (struct vmi_site){
        .address = mini_address(mini_one), .physical = mini_address(mini_one), .trap = trap, .resume = VMI_RESUME_SKIP, .length = 4, .port = PORT,
    };
    memcpy(site->original, mini_one, 4);
    if (kind == STEPPED) {
        site->resume = VMI_RESUME_STEP;
        if (trap == VMI_TRAP_PORT) {
            site->cave = site->cave_physical = MINI_CAVES_AT;
            site->cave_length = 4;
            memcpy(site->copy, mini_one, 4);
            memset(site->cave_original, 0xcc, 4);
        }
    }
    if (mini_client_apply(&client, &work) != 0) {
        printf("%s\n", client.problem);
        return -1;
    }
    double ns = run(mini_one_site, rounds);
    vmi_reader_take(&client.reader, UINT64_MAX);
    return ns;
}

int mini_measure(uint64_t scale)
{
    static const struct { uint8_t trap; const char *name; } traps[] = { { VMI_TRAP_EXECUTE, "breakpoint" }, { VMI_TRAP_PORT, "port trap" } };
    mini_make(1);
    make_tasks();
    printf("one vCPU, best of %d runs of %llu events each\n\n%-47s %10s %10s\n", TRIES, (unsigned long long)(ROUNDS * scale), "", "ns", "ratio");
    measure_idle(ROUNDS * scale);
    mini_client_open(&client, VMI_DROP, 1 << 24);
    for (int kind = 0; kind < KINDS; kind++) {
        struct mini_program program = make_program(kind);
        if (mini_client_load(&client, &program) != 0) {
            printf("%s\n", client.problem);
            return 1;
        }
    }
    for (int t = 0; t < 2; t++) {
        double best[KINDS];
        /* In turn, and the best of each: the machine has other work as well. */
        for (int i = 0; i < TRIES * KINDS; i++) {
            double ns = measure(traps[t].trap, i % KINDS, ROUNDS * scale);
            best[i % KINDS] = i < KINDS || ns < best[i % KINDS] ? ns : best[i % KINDS];
        }
        for (int kind = 0; kind < KINDS; kind++)
            printf("%-10s %-36s %10.0f %10.2f\n", traps[t].name, kinds[kind], best[kind], best[kind] / best[0]);
    }
    int status = mini_client_ask(&client, VMI_END, NULL, 0);
    mini_client_close(&client);
    return status != 0;
}
