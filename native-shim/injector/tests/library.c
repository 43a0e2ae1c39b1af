/* A library as vmi-inject wants it, and, by -D, libraries that give trouble:
       RESTLESS  says that it does not come to rest
       LINGERING says that it does, while a thread of its own is in its code for good
       UNBOUND   needs a symbol that nobody has
       UNNAMED   exports nothing */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef UNNAMED
#define EXPORT static __attribute__((used))
#else
#define EXPORT
#endif

EXPORT void *vmi_shim_handle;
EXPORT int vmi_shim_quiesce(void);

#ifdef UNBOUND
void vmi_nobody_has_this(void);
void (*unbound)(void) = vmi_nobody_has_this;
#endif

static char *memory;

#ifdef LINGERING
static void *linger(void *unused)
{
    for (;;)
        pause();
    return unused;
}
#endif

/* Uses the vector registers, the x87's, errno and the allocator. */
__attribute__((constructor)) static void begin(void)
{
    char text[64];
    long double sum = 1;
    for (int i = 1; i < 100; i++)
        sum += 1.0L / i;
    snprintf(text, sizeof text, "%Lf", sum);
    memory = strdup(text);
    close(-1);
#ifdef LINGERING
    pthread_t thread;
    pthread_create(&thread, NULL, linger, NULL);
#endif
}

__attribute__((destructor)) static void end(void)
{
    free(memory);
}

EXPORT int vmi_shim_quiesce(void)
{
#ifdef RESTLESS
    return 7;
#else
    return 0;
#endif
}
