/* Runs every case with `code` of the files named: `test_cases FILE…`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmi_case_host.h"

static const char *const kinds[] = {
    "code", "scratch", "budget", "schemas", "runs", "pad", "registers", "memory", "physical", "translations", "exit-fields", "vcpu",
    "result", "end", "taken", "records", "writes", "effects", "refused",
};

static const char *const ends[] = { "finished", "budget-spent", "memory-fault", "helper-fault", "call-depth" };

static bool fail(const struct vmi_case *from, const char *what, const char *expected, const char *actual)
{
    printf("FAILED %s: %s: %s\n  expected: %s\n  actual:   %s\n", from->file, from->name, what, expected, actual);
    return false;
}

static bool fail_number(const struct vmi_case *from, const char *what, uint64_t expected, uint64_t actual)
{
    char texts[2][32];
    snprintf(texts[0], sizeof texts[0], "0x%llx", (unsigned long long)expected);
    snprintf(texts[1], sizeof texts[1], "0x%llx", (unsigned long long)actual);
    return fail(from, what, texts[0], texts[1]);
}

static bool is_whole(const struct vmi_case *from)
{
    for (size_t i = 0; i < from->section_count; i++) {
        size_t kind = 0;
        while (kind < sizeof kinds / sizeof *kinds && strcmp(kinds[kind], from->sections[i].kind) != 0)
            kind++;
        if (kind == sizeof kinds / sizeof *kinds)
            return fail(from, "a program case has no such section", "", from->sections[i].kind);
    }
    bool expects = vmi_case_find(from, "result") || vmi_case_find(from, "end") || vmi_case_find(from, "refused");
    return expects || fail(from, "the case expects nothing", "", "");
}

static bool check_end(const struct vmi_case *from, struct vmi_result result)
{
    const struct vmi_case_section *end = vmi_case_find(from, "end"), *taken = vmi_case_find(from, "taken"), *value = vmi_case_find(from, "result");
    const char *expected = end ? end->argument : "finished";
    size_t length = strcspn(expected, " ");
    const char *actual = (size_t)result.end < sizeof ends / sizeof *ends ? ends[result.end] : "no end that there is";
    if (strlen(actual) != length || memcmp(actual, expected, length) != 0)
        return fail(from, "end", expected, actual);
    if (expected[length] != '\0' && vmi_case_number(from, expected + length + 1) != result.instruction)
        return fail_number(from, "instruction", vmi_case_number(from, expected + length + 1), result.instruction);
    if (taken && vmi_case_number(from, taken->argument) != result.taken)
        return fail_number(from, "taken", vmi_case_number(from, taken->argument), result.taken);
    if (value && (strncmp(value->argument, "r0 ", 3) != 0 || vmi_case_number(from, value->argument + 3) != result.value))
        return fail_number(from, "r0", vmi_case_number(from, value->argument + 3), result.value);
    return true;
}

/* Compares what became of the machine and takes the lines that were expected. */
static bool check_lines(const struct vmi_case *from, const char *what, struct vmi_bytes *expected, struct vmi_bytes *actual)
{
    vmi_bytes_add(expected, "", 1);
    vmi_bytes_add(actual, "", 1);
    bool is_same = strcmp((char *)expected->at, (char *)actual->at) == 0 || fail(from, what, (char *)expected->at, (char *)actual->at);
    vmi_bytes_clear(expected);
    return is_same;
}

static bool check_effects(struct vmi_case_host *host)
{
    struct vmi_bytes records = { 0 }, writes = { 0 }, effects = { 0 };
    vmi_case_host_expected(host->from, &records, &writes, &effects);
    bool is_same = check_lines(host->from, "records", &records, &host->records);
    is_same &= check_lines(host->from, "writes", &writes, &host->writes);
    is_same &= check_lines(host->from, "effects", &effects, &host->effects);
    return is_same;
}

static bool run_program(const struct vmi_program *program, struct vmi_case_host *host)
{
    uint8_t *memory = vmi_grow(NULL, 0, vmi_program_memory_bytes(program), 1);
    struct vmi_result result = { 0 };
    memset(memory, 0, vmi_program_memory_bytes(program));
    for (int32_t run = vmi_case_limit(host->from, "runs", 1); run > 0; run--)
        result = vmi_program_run(program, memory, &vmi_case_host_ops, host);
    free(memory);
    return check_end(host->from, result) && check_effects(host);
}

static bool check(const struct vmi_case *from, struct vmi_case_host *host, const struct vmi_program_image *image)
{
    char problem[128] = "";
    const struct vmi_case_section *refused = vmi_case_find(from, "refused");
    struct vmi_program *program = vmi_program_load(image, problem, sizeof problem);
    bool passes;
    if (refused)
        passes = (!program && strstr(problem, refused->argument)) || fail(from, "refused", refused->argument, program ? "(accepted)" : problem);
    else
        passes = program ? run_program(program, host) : fail(from, "refused", "(accepted)", problem);
    vmi_program_free(program);
    return passes;
}

static bool run_case(const struct vmi_case *from)
{
    if (!is_whole(from))
        return false;
    struct vmi_bytes code = { 0 };
    struct vmi_case_host host = vmi_case_host_make(from);
    struct vmi_program_image image = vmi_case_program(from, &code);
    image.registers = host.registers;
    bool passes = check(from, &host, &image);
    vmi_case_host_free(&host);
    vmi_bytes_clear(&code);
    return passes;
}

int main(int count, char **arguments)
{
    unsigned passed = 0, failed = 0;
    for (int i = 1; i < count; i++) {
        struct vmi_case_file file = vmi_case_file_read(arguments[i]);
        for (size_t c = 0; c < file.case_count; c++) {
            if (!vmi_case_find(&file.cases[c], "code"))
                continue;
            if (run_case(&file.cases[c]))
                passed++;
            else
                failed++;
        }
        vmi_case_file_free(&file);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
