#include "channel.h"
#include "library.h"
#include "loaded.h"
#include "object.h"

struct vmi_loaded vmi_loaded_find(const struct vmi_target *target)
{
    struct vmi_maps maps = vmi_maps_read(target->pid);
    const struct vmi_mapping *first = vmi_maps_named(&maps, VMI_CHANNEL_PATH);
    struct vmi_loaded loaded = { .is_mapped = first != NULL };
    struct vmi_object object;
    if (first && vmi_object_at(&target->memory, first, &object)) {
        uint64_t quiesce = vmi_object_symbol(&target->memory, &object, VMI_LIBRARY_QUIESCE);
        const struct vmi_mapping *code = vmi_maps_find(&maps, quiesce);
        uint64_t handle = vmi_object_symbol(&target->memory, &object, VMI_LIBRARY_HANDLE);
        if (code && code->executable && handle && vmi_memory_read(&target->memory, handle, &loaded.handle, sizeof loaded.handle)) {
            loaded.code_start = code->start;
            loaded.code_end = code->end;
            loaded.quiesce = quiesce;
            loaded.start = vmi_object_symbol(&target->memory, &object, VMI_LIBRARY_START);
        }
    }
    vmi_maps_free(&maps);
    return loaded;
}
