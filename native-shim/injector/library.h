/* The file of the library that is to be loaded. */
#ifndef VMI_LIBRARY_H
#define VMI_LIBRARY_H

#include <stddef.h>

struct vmi_library {
    void *bytes;
    size_t size;
};

/* What it must export: a variable for its handle, and the function that makes it ready to be taken out:
       void *vmi_shim_handle;
       int vmi_shim_quiesce(void);   0: none of its code can be entered any more; may be called again
       int vmi_shim_start(void);     after that, in a process that unmaps no library: 1: it is as after its constructors; 0: it was; < 0: it can't be.
                                     One without it is loaded into such a process once
   Its constructors run in the target's main thread, and must not wait there (poll, nanosleep). */
#define VMI_LIBRARY_HANDLE "vmi_shim_handle"
#define VMI_LIBRARY_QUIESCE "vmi_shim_quiesce"
#define VMI_LIBRARY_START "vmi_shim_start"

/* Reads it; ends the program with the reason where it is of no use. Whether it can be loaded only the target's loader knows. */
struct vmi_library vmi_library_read(const char *path);

#endif
