/* Feeds the loader, the verifier, the interpreter and the helpers with bytes of any kind. What must hold of every input: nothing outside of
 * program memory is touched or handed to the host, a run ends within its budget, and the bytes moved stay within it as well. An input is
 *
 *     u16 budget, u16 scratch, u8 schemas, u8 seed of the host, then the words of the code; what is no whole word is left out.
 */
#include "fuzz_program.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmi_program.h"

enum {
    GUARD_BYTES = 256,
    GUARD = 0xA5,
    RUNS = 2,
    REGISTERS = 0x7F,           /* the first seven may be read */
};

struct host {
    const uint8_t *memory;
    size_t memory_bytes;
    uint32_t schemas;
    uint32_t calls;             /* begins with the input's seed, so that wrong counts come at different calls */
    uint64_t moved;
};

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "BREACH: %s\n", what);
    abort();
}

/* Looks at a buffer that a helper handed out. */
static void look(struct host *host, const void *buffer, size_t size)
{
    const uint8_t *from = buffer;
    require(from >= host->memory && size <= host->memory_bytes && (size_t)(from - host->memory) <= host->memory_bytes - size,
        "a buffer outside of program memory");
    host->moved += size;
}

/* A count that is right, short, or none that can be. */
static size_t some_count(struct host *host, size_t size)
{
    switch (host->calls++ % 8) {
    case 0: return SIZE_MAX;
    case 1: return size / 2;
    default: return size;
    }
}

static size_t fill(struct host *host, uint64_t address, void *buffer, size_t size)
{
    look(host, buffer, size);
    memset(buffer, (int)(address % 3), size);
    return some_count(host, size);
}

static uint64_t read_register(void *host, unsigned id)
{
    (void)host;
    require(id < 64 && (REGISTERS >> id & 1), "a register that the program was not loaded with");
    return id * 0x0101010101010101ULL;
}

static size_t read_virtual(void *host, uint64_t address, uint64_t root, void *buffer, size_t size)
{
    return fill(host, address ^ root, buffer, size);
}

static size_t read_physical(void *host, uint64_t address, void *buffer, size_t size)
{
    return fill(host, address, buffer, size);
}

static size_t write_virtual(void *host, uint64_t address, uint64_t root, const void *bytes, size_t size)
{
    (void)address;
    (void)root;
    look(host, bytes, size);
    return some_count(host, size);
}

static uint64_t translate(void *host, uint64_t address, uint64_t root)
{
    (void)host;
    return address * 3 + root;
}

static bool read_exit_field(void *host, uint32_t field, uint64_t *value)
{
    (void)host;
    require(field <= INT32_MAX, "an exit field beyond 31 bits");
    *value = field;
    return field < 3;
}

static void emit(void *host, uint32_t schema, const void *record, size_t size)
{
    require(schema < ((struct host *)host)->schemas, "a schema that the program was not loaded with");
    look(host, record, size);
}

static void pause_machine(void *host)
{
    (void)host;
}

static void select_body(void *host, uint32_t probe, uint32_t body)
{
    (void)host;
    require(probe <= INT32_MAX && body <= INT32_MAX, "a probe or body beyond 31 bits");
}

static uint32_t vcpu(void *host)
{
    (void)host;
    return 1;
}

static const struct vmi_host_ops ops = {
    .read_register = read_register, .read_virtual = read_virtual, .read_physical = read_physical, .write_virtual = write_virtual,
    .translate = translate, .read_exit_field = read_exit_field, .emit = emit, .pause = pause_machine, .select_body = select_body, .vcpu = vcpu,
};

static void run(const struct vmi_program *program, const struct vmi_program_image *image, uint8_t *memory, struct host *host)
{
    host->moved = 0;
    struct vmi_result result = vmi_program_run(program, memory, &ops, host);
    require(result.end <= VMI_END_CALL_DEPTH, "an end that there is not");
    require(result.instruction < image->words, "an end outside of the code");
    require(result.taken >= 1 && result.taken <= image->budget, "more instructions than the budget");
    require(result.end != VMI_END_BUDGET || result.taken == image->budget, "a budget that was spent with some of it left");
    require(host->moved <= (uint64_t)result.taken * VMI_BYTES_PER_INSTRUCTION, "more bytes than the instructions taken");
}

static void require_guard(const uint8_t *guard)
{
    for (size_t i = 0; i < GUARD_BYTES; i++)
        require(guard[i] == GUARD, "a write outside of program memory");
}

/* Runs it with guards around its memory. A sanitizer sees each access to them, the bytes in them see writes without one. */
static void run_guarded(const struct vmi_program *program, const struct vmi_program_image *image, uint8_t seed)
{
    size_t size = vmi_program_memory_bytes(program);
    require(size == VMI_STACK_BYTES + (size_t)image->scratch_bytes, "another memory than the image asks for");
    uint8_t *block = malloc(size + 2 * GUARD_BYTES), *memory = block + GUARD_BYTES;
    if (!block)
        return;
    memset(block, GUARD, size + 2 * GUARD_BYTES);
    memset(memory, 0, size);
    ASAN_POISON_MEMORY_REGION(block, GUARD_BYTES);
    ASAN_POISON_MEMORY_REGION(memory + size, GUARD_BYTES);
    struct host host = { .memory = memory, .memory_bytes = size, .schemas = image->schemas, .calls = seed };
    for (int i = 0; i < RUNS; i++)
        run(program, image, memory, &host);
    ASAN_UNPOISON_MEMORY_REGION(block, size + 2 * GUARD_BYTES);
    require_guard(block);
    require_guard(memory + size);
    free(block);
}

bool vmi_fuzz_program(const uint8_t *data, size_t size)
{
    if (size < VMI_FUZZ_HEADER_BYTES)
        return false;
    struct vmi_program_image image = {
        .code = data + VMI_FUZZ_HEADER_BYTES,
        .words = (uint32_t)((size - VMI_FUZZ_HEADER_BYTES) / 8),
        .budget = (uint32_t)(data[0] | data[1] << 8),
        .scratch_bytes = (uint32_t)(data[2] | data[3] << 8),
        .schemas = data[4],
        .registers = REGISTERS,
    };
    char problem[64] = "";
    struct vmi_program *program = vmi_program_load(&image, problem, sizeof problem);
    require((problem[0] == '\0') == (program != NULL), "a program that is refused without a reason, or accepted with one");
    if (!program)
        return false;
    run_guarded(program, &image, data[5]);
    vmi_program_free(program);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vmi_fuzz_program(data, size);
    return 0;
}
