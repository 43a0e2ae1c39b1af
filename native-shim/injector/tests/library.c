/* A library as vmi-inject wants it: it has a constructor that uses much of the processor's state, and can be told not to come to rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *vmi_shim_handle;
int vmi_shim_quiesce(void);

static char *memory;

__attribute__((constructor)) static void begin(void)
{
    char text[64];
    double sum = 1;
    for (int i = 1; i < 100; i++)
        sum += 1.0 / i;
    snprintf(text, sizeof text, "%f", sum);
    memory = strdup(text);
}

__attribute__((destructor)) static void end(void)
{
    free(memory);
}

/* Built with -DBUSY, it never comes to rest. */
int vmi_shim_quiesce(void)
{
#ifdef BUSY
    return 7;
#else
    return 0;
#endif
}
