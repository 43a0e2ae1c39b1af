#include "vmi_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmi_call.h"
#include "vmi_registers.h"
#include "vmi_slots.h"
#include "vmi_system.h"

enum { BATCH_BYTES = 1 << 20 };

#define PAGING (1ull << 31)   /* CR0.PG */

static uint64_t read_register(void *host, unsigned id)
{
    struct vmi_vcpu *vcpu = host;
    if (vcpu->use && (vcpu->use->flags & VMI_USE_WRITES) && vcpu->use->shown == id)
        return vcpu->written;
    return vmi_registers_read(vcpu, id);
}

static size_t read_virtual(void *host, uint64_t address, uint64_t root, void *buffer, size_t size)
{
    return vmi_space_read(&((struct vmi_vcpu *)host)->space, address, root, buffer, size);
}

static size_t read_physical(void *host, uint64_t address, void *buffer, size_t size)
{
    (void)host;
    return vmi_physical_read(&vmi_world.map, address, buffer, size);
}

static size_t write_virtual(void *host, uint64_t address, uint64_t root, const void *bytes, size_t size)
{
    struct vmi_vcpu *vcpu = host;
    vcpu->acted = true;
    /* QEMU would not learn of it, and send the old bytes. */
    if (vmi_slots_is_logged(vmi_space_translate(&vcpu->space, address, root)))
        return 0;
    return vmi_space_write(&vcpu->space, address, root, bytes, size);
}

static uint64_t translate(void *host, uint64_t address, uint64_t root)
{
    return vmi_space_translate(&((struct vmi_vcpu *)host)->space, address, root);
}

/* ExitField.cs. */
static bool read_exit_field(void *host, uint32_t field, uint64_t *value)
{
    const struct kvm_run *run = ((struct vmi_vcpu *)host)->run;
    bool is_debug = run->exit_reason == KVM_EXIT_DEBUG;
    switch (field) {
    case 0: *value = run->exit_reason; return true;
    case 1: *value = run->debug.arch.exception; return is_debug;
    case 2: *value = run->debug.arch.dr6; return is_debug;
    default: return false;
    }
}

void vmi_event_flush(struct vmi_vcpu *vcpu)
{
    vmi_ring_write_batch(vmi_world.ring, &vcpu->batch, &vcpu->patience);
}

static struct vmi_origin origin_of(struct vmi_vcpu *vcpu, uint16_t kind, uint32_t schema)
{
    if (vcpu->time == 0)
        vcpu->time = vmi_system_utc_ns();
    return (struct vmi_origin){ .kind = kind, .vcpu = (uint16_t)vcpu->number, .probe = vcpu->probe, .schema = schema, .time = vcpu->time };
}

static void emit(void *host, uint32_t schema, const void *record, size_t size)
{
    struct vmi_vcpu *vcpu = host;
    vcpu->acted = true;
    struct vmi_origin origin = origin_of(vcpu, vcpu->wants_pause ? VMI_RECORD_KEPT : VMI_RECORD_DATA, schema);
    if (vmi_batch_add(&vcpu->batch, &origin, record, size))
        return;
    vmi_event_flush(vcpu);
    if (!vmi_batch_add(&vcpu->batch, &origin, record, size))
        vmi_ring_write(vmi_world.ring, &origin, record, size, &vcpu->patience);
}

static void want_pause(void *host)
{
    struct vmi_vcpu *vcpu = host;
    vcpu->acted = true;
    vcpu->wants_pause = true;
    vcpu->pausing_probe = vcpu->probe;
}

static void select_body(void *host, uint32_t probe, uint32_t body)
{
    struct vmi_vcpu *vcpu = host;
    vcpu->acted = true;
    if (vcpu->selection_count < VMI_MAX_SELECTIONS)
        vcpu->selections[vcpu->selection_count++] = (struct vmi_selection){ probe, body };
}

static uint32_t number_of(void *host)
{
    return ((struct vmi_vcpu *)host)->number;
}

static const struct vmi_host_ops ops = {
    .read_register = read_register, .read_virtual = read_virtual, .read_physical = read_physical, .write_virtual = write_virtual,
    .translate = translate, .read_exit_field = read_exit_field, .emit = emit, .pause = want_pause, .select_body = select_body, .vcpu = number_of,
};

bool vmi_event_prepare(struct vmi_vcpu *vcpu)
{
    size_t bytes = vmi_world.memory_at[vmi_world.laid_out];
    if (!vcpu->batch.bytes && !(vcpu->batch.bytes = malloc(BATCH_BYTES)))
        return false;
    vcpu->batch.capacity = BATCH_BYTES;
    if (bytes > vcpu->memory_bytes) {
        uint8_t *memory = realloc(vcpu->memory, bytes);
        if (!memory)
            return false;
        vcpu->memory = memory;
        vcpu->memory_bytes = bytes;
    }
    size_t from = vmi_world.memory_at[vcpu->prepared];
    if (bytes > from)
        memset(vcpu->memory + from, 0, bytes - from);
    vcpu->prepared = vmi_world.laid_out;
    return true;
}

void vmi_event_enter_space(struct vmi_vcpu *vcpu)
{
    const struct kvm_sregs *sregs = vmi_world.needs_sregs ? vmi_registers_system(vcpu) : NULL;
    vcpu->is_reset = sregs && !(sregs->cr0 & PAGING);
    if (vcpu->is_reset)
        vmi_world_tell(vcpu, VMI_TELL_RESET);
    if (sregs)
        vmi_space_enter(&vcpu->space, &vmi_world.map, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
}

void vmi_event_begin(struct vmi_vcpu *vcpu, struct vmi_event *event)
{
    event->start = vmi_system_monotonic_ns();
    event->count = 0;
    vcpu->time = 0;
    vcpu->patience = (uint64_t)vmi_world.ring->hold_ms * 1000000u;
    vcpu->wants_pause = false;
    vcpu->selection_count = 0;
    vcpu->site = NULL;
    vcpu->use = NULL;
    vmi_event_enter_space(vcpu);
}

/* What programs have selected counts from the next event on. */
static void apply_selections(struct vmi_vcpu *vcpu)
{
    for (uint32_t i = 0; i < vcpu->selection_count; i++) {
        struct vmi_selection selection = vcpu->selections[i];
        const struct vmi_probe *probe = vmi_world.tables ? vmi_tables_probe(vmi_world.tables, selection.probe) : NULL;
        if (!probe || selection.body >= probe->bodies
            || atomic_exchange(&vmi_world.body[probe->id], selection.body) == selection.body)
            continue;
        __atomic_store_n(&vmi_ring_counters(vmi_world.ring, probe->id)->body, selection.body, __ATOMIC_RELAXED);
        vcpu->probe = probe->id;
        struct vmi_origin origin = origin_of(vcpu, VMI_RECORD_SELECTED, selection.body);
        vmi_ring_tell(vmi_world.ring, &origin, 0);
    }
    vcpu->selection_count = 0;
}

void vmi_event_end(struct vmi_vcpu *vcpu, struct vmi_event *event)
{
    if (!vmi_world.ring)
        return;
    vmi_event_flush(vcpu);
    apply_selections(vcpu);
    uint64_t held = vmi_system_monotonic_ns() - event->start;
    for (uint32_t i = 0; i < event->count; i++)
        __atomic_fetch_add(&vmi_ring_counters(vmi_world.ring, event->probes[i])->held, held, __ATOMIC_RELAXED);
    vcpu->site = NULL;
}

static void remember(struct vmi_event *event, uint32_t probe)
{
    for (uint32_t i = 0; i < event->count; i++)
        if (event->probes[i] == probe)
            return;
    if (event->count < VMI_MAX_SELECTIONS)
        event->probes[event->count++] = probe;
}

void vmi_event_probe(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_probe *probe)
{
    uint32_t selected = atomic_load_explicit(&vmi_world.body[probe->id], memory_order_relaxed);
    if (!(probe->flags & VMI_PROBE_ENABLED) || selected >= probe->bodies)
        return;
    const struct vmi_body *body = &vmi_world.tables->bodies[probe->first_body + selected];
    if (body->is_empty)
        return;
    struct vmi_counters *counters = vmi_ring_counters(vmi_world.ring, probe->id);
    __atomic_fetch_add(&counters->hits, 1, __ATOMIC_RELAXED);
    /* A vCPU that was plugged in when the tables had been made has none yet. */
    if (body->program >= vcpu->prepared && !vmi_event_prepare(vcpu)) {
        vmi_ring_lose(vmi_world.ring, probe->id);
        return;
    }
    vcpu->probe = probe->id;
    vcpu->acted = false;
    struct vmi_result result = vmi_program_run(
        vmi_world.programs[body->program], vcpu->memory + vmi_world.memory_at[body->program], &ops, vcpu);
    if (!vcpu->acted)
        __atomic_fetch_add(&counters->filtered, 1, __ATOMIC_RELAXED);
    remember(event, probe->id);
    if (result.end == VMI_END_FINISHED)
        return;
    vmi_event_flush(vcpu);
    struct vmi_origin origin = origin_of(vcpu, VMI_RECORD_ENDED, result.end);
    vmi_ring_tell(vmi_world.ring, &origin, result.instruction);
}

/* The value that the instruction at hand is about to write. */
static uint64_t value_written(struct vmi_vcpu *vcpu, const struct vmi_use *use)
{
    uint64_t source = *vmi_registers_general(vcpu->regs, use->source);
    switch (use->write) {
    case VMI_WRITE_STATUS: {
        uint64_t old = vmi_registers_read(vcpu, use->shown);
        return (old & ~15ull) | (source & 15) | (old & 1);
    }
    case VMI_WRITE_CLEAR_TS:
        return vmi_registers_read(vcpu, use->shown) & ~8ull;
    default:
        return use->width == 4 ? (uint32_t)source : source;
    }
}

static bool is_wanted(struct vmi_vcpu *vcpu, const struct vmi_use *use, bool after)
{
    if (((use->flags & VMI_USE_AFTER) != 0) != after)
        return false;
    return !(use->flags & VMI_USE_MSR) || (uint32_t)vcpu->regs->rcx == use->msr;
}

void vmi_event_uses(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_site *site, bool after)
{
    uint64_t address = site->address;
    uint8_t trap = site->trap;
    for (uint32_t i = 0; i < site->uses; i++) {
        const struct vmi_use *use = &vmi_world.tables->uses[site->first_use + i];
        if (!is_wanted(vcpu, use, after))
            continue;
        vcpu->site = site;
        if (use->flags & (VMI_USE_CALL | VMI_USE_READS)) {
            bool is_probe = (use->flags & VMI_USE_READS) != 0;
            bool yes = is_probe ? vmi_call_read(vcpu, site) : vmi_call_client(vcpu, site) != 0;
            /* The tables may be others now; of the same site, the uses that come behind this one are as before or new. */
            site = vmi_world.tables ? vmi_tables_find(vmi_world.tables, address, trap) : NULL;
            if (!site || i >= site->uses)
                return;
            use = &vmi_world.tables->uses[site->first_use + i];
            if (!is_probe || !yes || use->probe == VMI_KEEP)
                continue;
            vcpu->site = site;
        }
        vcpu->use = use;
        if (use->flags & VMI_USE_WRITES)
            vcpu->written = value_written(vcpu, use);
        vmi_event_probe(vcpu, event, &vmi_world.tables->probes[use->probe]);
        vcpu->use = NULL;
    }
}
