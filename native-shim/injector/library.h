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
   Its constructors run in the target's main thread, and must not wait there (poll, nanosleep). */
#define VMI_LIBRARY_HANDLE "vmi_shim_handle"
#define VMI_LIBRARY_QUIESCE "vmi_shim_quiesce"

/* Reads it; ends the program with the reason where it is of no use. Whether it can be loaded only the target's loader knows. */
struct vmi_library vmi_library_read(const char *path);

#endif
