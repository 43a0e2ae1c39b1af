/* The world of vmi_shim.c, without what loads the shim. */
#include "vmi_world.h"

struct vmi_world vmi_world = { .vm = -1, .signal = -1, .epoch = 1 };
