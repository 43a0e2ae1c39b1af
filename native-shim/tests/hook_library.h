/* What tests call of the hook's library, by dlsym. */
#ifndef HOOK_LIBRARY_H
#define HOOK_LIBRARY_H

#include <stdbool.h>

bool hook_library_install(void);
bool hook_library_remove(void);
unsigned hook_library_calls(void);

#endif
