#include "vmi_helpers.h"

#include <string.h>

/* Bytes that a string is read by: a read never crosses a multiple of it, so that an unreadable page costs nothing that stands before it. */
enum { STRING_STEP = 256 };

bool vmi_helper_exists(int32_t id)
{
    return id >= VMI_HELPER_READ_REGISTER && id <= VMI_HELPER_CURRENT_VCPU;
}

/* The bytes at an address, or NULL where they do not lie wholly within program memory. No bytes lie within at any address of it and right
 * behind it. */
static uint8_t *span(const struct vmi_helper_scope *scope, uint64_t address, uint64_t size)
{
    uint64_t at = address - VMI_MEMORY_BASE;
    return at > scope->bytes || size > scope->bytes - at ? NULL : scope->memory + at;
}

/* A buffer that the host is given, with what its bytes take of the budget. */
static enum vmi_end take(struct vmi_helper_scope *scope, uint64_t address, uint64_t size, uint8_t **buffer)
{
    *buffer = span(scope, address, size);
    if (!*buffer)
        return VMI_END_MEMORY_FAULT;
    uint64_t taken = size / VMI_BYTES_PER_INSTRUCTION;
    if (taken > scope->left) {
        scope->left = 0;
        return VMI_END_BUDGET;
    }
    scope->left -= (uint32_t)taken;
    return VMI_END_FINISHED;
}

/* A host's count, held to what it can be. */
static uint64_t count(size_t done, uint64_t size)
{
    return done < size ? done : size;
}

static uint64_t read_string(const struct vmi_helper_scope *scope, uint64_t address, uint64_t root, uint8_t *buffer, uint64_t size)
{
    uint64_t length = 0;
    while (length < size) {
        uint64_t room = size - length, step = STRING_STEP - address % STRING_STEP;
        if (step > room)
            step = room;
        uint64_t read = count(scope->ops->read_virtual(scope->host, address, root, buffer + length, step), step);
        const uint8_t *nul = memchr(buffer + length, 0, read);
        if (nul) {
            length = (uint64_t)(nul - buffer);
            memset(buffer + length, 0, size - length);
            return length;
        }
        length += read;
        address += read;
        /* A string does not go on from the top of the address space to its bottom. */
        if (read < step || address == 0)
            break;
    }
    memset(buffer + length, 0, size - length);
    return ~length;
}

static uint64_t read_exit_field(const struct vmi_helper_scope *scope, uint64_t field, uint8_t *buffer)
{
    uint64_t value = 0;
    if (field > INT32_MAX || !scope->ops->read_exit_field(scope->host, (uint32_t)field, &value))
        return UINT64_MAX;
    memcpy(buffer, &value, sizeof value);
    return 0;
}

/* What the helpers have in common: r0 takes the result, and r1 to r5 are lost. */
static enum vmi_end done(uint64_t *r, uint64_t result)
{
    r[0] = result;
    memset(r + 1, 0, 5 * sizeof *r);
    return VMI_END_FINISHED;
}

/* Helpers with a buffer and its size in r1 and r2 that give a number of bytes. */
static enum vmi_end move(struct vmi_helper_scope *scope, int32_t id, uint64_t *r)
{
    uint8_t *buffer;
    enum vmi_end end = take(scope, r[1], r[2], &buffer);
    if (end != VMI_END_FINISHED)
        return end;
    switch (id) {
    case VMI_HELPER_READ_VIRTUAL:
        return done(r, count(scope->ops->read_virtual(scope->host, r[3], r[4], buffer, r[2]), r[2]));
    case VMI_HELPER_READ_PHYSICAL:
        return done(r, count(scope->ops->read_physical(scope->host, r[3], buffer, r[2]), r[2]));
    case VMI_HELPER_WRITE_VIRTUAL:
        return done(r, count(scope->ops->write_virtual(scope->host, r[3], r[4], buffer, r[2]), r[2]));
    default:
        return done(r, read_string(scope, r[3], r[4], buffer, r[2]));
    }
}

static enum vmi_end emit(struct vmi_helper_scope *scope, uint64_t *r)
{
    uint8_t *buffer;
    if (r[1] >= scope->schemas)
        return VMI_END_HELPER_FAULT;
    enum vmi_end end = take(scope, r[2], r[3], &buffer);
    if (end != VMI_END_FINISHED)
        return end;
    scope->ops->emit(scope->host, (uint32_t)r[1], buffer, r[3]);
    return done(r, 0);
}

enum vmi_end vmi_helper_call(struct vmi_helper_scope *scope, int32_t id, uint64_t *r)
{
    const struct vmi_host_ops *ops = scope->ops;
    uint8_t *buffer;
    switch (id) {
    case VMI_HELPER_READ_REGISTER:
        if (r[1] > 63 || !(scope->registers >> r[1] & 1))
            return VMI_END_HELPER_FAULT;
        return done(r, ops->read_register(scope->host, (unsigned)r[1]));
    case VMI_HELPER_READ_VIRTUAL:
    case VMI_HELPER_READ_PHYSICAL:
    case VMI_HELPER_WRITE_VIRTUAL:
    case VMI_HELPER_READ_STRING:
        return move(scope, id, r);
    case VMI_HELPER_TRANSLATE:
        return done(r, ops->translate(scope->host, r[1], r[2]));
    case VMI_HELPER_EMIT:
        return emit(scope, r);
    case VMI_HELPER_PAUSE:
        ops->pause(scope->host);
        return done(r, 0);
    case VMI_HELPER_SELECT_BODY:
        if (r[1] > INT32_MAX || r[2] > INT32_MAX)
            return VMI_END_HELPER_FAULT;
        ops->select_body(scope->host, (uint32_t)r[1], (uint32_t)r[2]);
        return done(r, 0);
    case VMI_HELPER_READ_EXIT_FIELD:
        buffer = span(scope, r[2], sizeof(uint64_t));
        return buffer ? done(r, read_exit_field(scope, r[1], buffer)) : VMI_END_MEMORY_FAULT;
    case VMI_HELPER_CURRENT_VCPU:
        return done(r, ops->vcpu(scope->host));
    default:
        return VMI_END_HELPER_FAULT;
    }
}
