/* What the program is there for. Each ends the program where it can't be done; else it has printed its line. */
#ifndef VMI_COMMANDS_H
#define VMI_COMMANDS_H

#include <sys/types.h>

void vmi_load(pid_t pid, const char *path);
void vmi_unload(pid_t pid);

#endif
