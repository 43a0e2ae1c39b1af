/* Room for a trampoline: the bytes between the end of an object's code and the end of the page that it ends in. They belong to the
   executable mapping, but to no segment (ELF gABI, "Program Loading"). */
#ifndef VMI_ROOM_H
#define VMI_ROOM_H

#include "target.h"
#include "trampoline.h"

/* Finds the room, and, before all, one that a killed run has not cleaned (target->occupied). Ends the program where there is none. */
void vmi_room_find(struct vmi_target *target);

/* Both only while the main thread stands, and is known not to be in there. */
void vmi_room_fill(struct vmi_target *target, const struct vmi_trampoline *trampoline);
void vmi_room_clean(struct vmi_target *target);

#endif
