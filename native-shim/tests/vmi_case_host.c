#include "vmi_case_host.h"

#include <stdlib.h>
#include <string.h>

/* GuestRegister.cs: a register's id is its place. */
static const char *const register_names[] = {
    "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "RIP", "RFLAGS",
    "CS", "SS", "DS", "ES", "FS", "GS", "TR", "LDTR", "GDTR", "IDTR", "CR0", "CR2", "CR3", "CR4", "CR8",
};

static uint64_t root_of(const struct vmi_case *from, const struct vmi_case_section *section)
{
    return *section->argument == '\0' ? 0 : vmi_case_number(from, section->argument);
}

/* `WORD 0x1`: gives the number, with the length of the word in `length`. */
static uint64_t word_and_number(const struct vmi_case *from, const char *line, size_t *length)
{
    *length = strcspn(line, " ");
    return vmi_case_number(from, line + *length + strspn(line + *length, " "));
}

static void take_register(struct vmi_case_host *host, const char *line)
{
    size_t length;
    uint64_t value = word_and_number(host->from, line, &length);
    for (size_t id = 0; id < sizeof register_names / sizeof *register_names; id++) {
        if (strlen(register_names[id]) == length && memcmp(register_names[id], line, length) == 0) {
            host->registers |= 1ULL << id;
            host->values[id] = value;
            return;
        }
    }
    vmi_die("%s: %s: there is no register '%s'", host->from->file, host->from->name, line);
}

static struct vmi_case_byte *find(struct vmi_case_byte *memory, size_t count, uint64_t root, uint64_t address)
{
    for (size_t i = 0; i < count; i++)
        if (memory[i].root == root && memory[i].address == address)
            return &memory[i];
    return NULL;
}

/* Takes `0x1000: 61 62`; what is given twice is as it is given last. */
static void take_run(const struct vmi_case *from, const char *line, uint64_t root, struct vmi_case_byte **memory, size_t *count)
{
    struct vmi_bytes bytes = { 0 };
    const char *rest;
    uint64_t address = vmi_case_pair(from, line, &rest);
    vmi_case_bytes(from, rest, &bytes);
    *memory = vmi_grow(*memory, *count, bytes.size + 1, sizeof **memory);
    for (size_t i = 0; i < bytes.size; i++) {
        struct vmi_case_byte *known = find(*memory, *count, root, address + i);
        if (!known)
            known = &(*memory)[(*count)++];
        *known = (struct vmi_case_byte){ root, address + i, bytes.at[i] };
    }
    vmi_bytes_clear(&bytes);
}

struct vmi_case_host vmi_case_host_make(const struct vmi_case *from)
{
    struct vmi_case_host host = { .from = from };
    for (const struct vmi_case_section *at = NULL; (at = vmi_case_next(from, "registers", at));)
        for (size_t i = 0; i < at->line_count; i++)
            take_register(&host, at->lines[i]);
    for (const struct vmi_case_section *at = NULL; (at = vmi_case_next(from, "memory", at));)
        for (size_t i = 0; i < at->line_count; i++)
            take_run(from, at->lines[i], root_of(from, at), &host.memory, &host.memory_count);
    for (const struct vmi_case_section *at = NULL; (at = vmi_case_next(from, "physical", at));)
        for (size_t i = 0; i < at->line_count; i++)
            take_run(from, at->lines[i], 0, &host.physical, &host.physical_count);
    const struct vmi_case_section *vcpu = vmi_case_find(from, "vcpu");
    host.vcpu = vcpu ? (uint32_t)vmi_case_number(from, vcpu->argument) : 0;
    return host;
}

void vmi_case_host_free(struct vmi_case_host *host)
{
    free(host->memory);
    free(host->physical);
    vmi_bytes_clear(&host->records);
    vmi_bytes_clear(&host->writes);
    vmi_bytes_clear(&host->effects);
}

static void print_run(struct vmi_bytes *text, uint64_t number, const void *bytes, size_t size)
{
    vmi_bytes_print(text, "0x%llx: ", (unsigned long long)number);
    vmi_bytes_print_hex(text, bytes, size);
    vmi_bytes_print(text, "\n");
}

static void print_write(struct vmi_bytes *text, uint64_t root, uint64_t address, const void *bytes, size_t size)
{
    vmi_bytes_print(text, "root 0x%llx ", (unsigned long long)root);
    print_run(text, address, bytes, size);
}

void vmi_case_host_expected(const struct vmi_case *from, struct vmi_bytes *records, struct vmi_bytes *writes, struct vmi_bytes *effects)
{
    struct vmi_bytes bytes = { 0 };
    for (size_t s = 0; s < from->section_count; s++) {
        const struct vmi_case_section *at = &from->sections[s];
        bool is_record = strcmp(at->kind, "records") == 0, is_write = strcmp(at->kind, "writes") == 0;
        for (size_t i = 0; i < at->line_count; i++) {
            if (strcmp(at->kind, "effects") == 0)
                vmi_bytes_print(effects, "%s\n", at->lines[i]);
            if (!is_record && !is_write)
                continue;
            const char *rest;
            uint64_t number = vmi_case_pair(from, at->lines[i], &rest);
            bytes.size = 0;
            vmi_case_bytes(from, rest, &bytes);
            if (is_record)
                print_run(records, number, bytes.at, bytes.size);
            else
                print_write(writes, root_of(from, at), number, bytes.at, bytes.size);
        }
    }
    vmi_bytes_clear(&bytes);
}

static size_t copy_out(struct vmi_case_byte *memory, size_t count, uint64_t root, uint64_t address, uint8_t *buffer, size_t size)
{
    size_t done = 0;
    for (const struct vmi_case_byte *at; done < size && (at = find(memory, count, root, address + done)); done++)
        buffer[done] = at->value;
    return done;
}

static uint64_t read_register(void *host, unsigned id)
{
    return ((struct vmi_case_host *)host)->values[id];
}

static size_t read_virtual(void *host, uint64_t address, uint64_t root, void *buffer, size_t size)
{
    struct vmi_case_host *machine = host;
    return copy_out(machine->memory, machine->memory_count, root, address, buffer, size);
}

static size_t read_physical(void *host, uint64_t address, void *buffer, size_t size)
{
    struct vmi_case_host *machine = host;
    return copy_out(machine->physical, machine->physical_count, 0, address, buffer, size);
}

static size_t write_virtual(void *host, uint64_t address, uint64_t root, const void *bytes, size_t size)
{
    struct vmi_case_host *machine = host;
    const uint8_t *from = bytes;
    size_t done = 0;
    for (struct vmi_case_byte *at; done < size && (at = find(machine->memory, machine->memory_count, root, address + done)); done++)
        at->value = from[done];
    if (done > 0)
        print_write(&machine->writes, root, address, bytes, done);
    return done;
}

static uint64_t translate(void *host, uint64_t address, uint64_t root)
{
    const struct vmi_case *from = ((struct vmi_case_host *)host)->from;
    for (const struct vmi_case_section *at = NULL; (at = vmi_case_next(from, "translations", at));) {
        for (size_t i = 0; i < at->line_count; i++) {
            const char *rest;
            if (vmi_case_pair(from, at->lines[i], &rest) == address && root_of(from, at) == root)
                return vmi_case_number(from, rest);
        }
    }
    return UINT64_MAX;
}

static bool read_exit_field(void *host, uint32_t field, uint64_t *value)
{
    const struct vmi_case *from = ((struct vmi_case_host *)host)->from;
    const struct vmi_case_section *fields = vmi_case_find(from, "exit-fields");
    for (size_t i = 0; fields && i < fields->line_count; i++) {
        char *end;
        if (strtoull(fields->lines[i], &end, 0) != field)
            continue;
        *value = vmi_case_number(from, end + strspn(end, " "));
        return true;
    }
    return false;
}

static void emit(void *host, uint32_t schema, const void *record, size_t size)
{
    print_run(&((struct vmi_case_host *)host)->records, schema, record, size);
}

static void pause_machine(void *host)
{
    vmi_bytes_print(&((struct vmi_case_host *)host)->effects, "pause\n");
}

static void select_body(void *host, uint32_t probe, uint32_t body)
{
    vmi_bytes_print(&((struct vmi_case_host *)host)->effects, "body %u %u\n", probe, body);
}

static uint32_t vcpu(void *host)
{
    return ((struct vmi_case_host *)host)->vcpu;
}

const struct vmi_host_ops vmi_case_host_ops = {
    .read_register = read_register, .read_virtual = read_virtual, .read_physical = read_physical, .write_virtual = write_virtual,
    .translate = translate, .read_exit_field = read_exit_field, .emit = emit, .pause = pause_machine, .select_body = select_body, .vcpu = vcpu,
};
