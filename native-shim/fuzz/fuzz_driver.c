#define _GNU_SOURCE
#include "fuzz_driver.h"

#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_PER_LOOK = 100 };

static struct { uint64_t seconds, runs, seed, first; } options = { .seconds = 10, .seed = 1 };
static uint64_t current;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static void tell(void)
{
    fprintf(stderr, "FOUND: seed=%llu first=%llu runs=1\n", (unsigned long long)options.seed, (unsigned long long)current);
}

static void tell_and_end(int signal_number)
{
    tell();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void vmi_fuzz_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "BREACH: %s\n", what);
    abort();
}

uint64_t vmi_fuzz_number(struct vmi_fuzz_source *source, size_t bytes)
{
    uint64_t number = 0;
    if (bytes > source->size)
        bytes = source->size;
    memcpy(&number, source->data, bytes);
    source->data += bytes;
    source->size -= bytes;
    return number;
}

uint32_t vmi_fuzz_below(struct vmi_fuzz_source *source, uint32_t count)
{
    return (uint32_t)vmi_fuzz_number(source, count > 256 ? 4 : 1) % count;
}

static void parse(const char *argument)
{
    static const struct { const char *name; uint64_t *value; } names[] = {
        { "seconds=", &options.seconds }, { "runs=", &options.runs }, { "seed=", &options.seed }, { "first=", &options.first },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(argument, names[i].name, strlen(names[i].name)) == 0)
            *names[i].value = strtoull(argument + strlen(names[i].name), NULL, 0);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static bool goes_on(uint64_t done, const struct timespec *start)
{
    if (options.runs > 0)
        return done < options.runs;
    return done % RUNS_PER_LOOK != 0 || seconds_since(start) < (double)options.seconds;
}

/* In a block of its own, so that a byte too many is seen. */
static bool run_input(vmi_fuzz_run run, size_t most)
{
    uint64_t state = options.seed * 0xD1342543DE82EF95ull + current;
    size_t size = next_random(&state) % (most + 1);
    uint8_t *data = malloc(size + 1);
    if (!data)
        abort();
    for (size_t i = 0; i < size; i += 8) {
        uint64_t number = next_random(&state);
        memcpy(data + i, &number, size - i < 8 ? size - i : 8);
    }
    uint8_t *exact = realloc(data, size ? size : 1);
    bool accepted = run(exact, size);
    free(exact);
    return accepted;
}

int vmi_fuzz_drive(int count, char **arguments, vmi_fuzz_run run, size_t most)
{
    for (int i = 1; i < count; i++)
        parse(arguments[i]);
    signal(SIGABRT, tell_and_end);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(tell);
#endif
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t done = 0, accepted = 0;
    for (; goes_on(done, &start); done++) {
        current = options.first + done;
        accepted += run_input(run, most);
    }
    double seconds = seconds_since(&start);
    printf("%llu inputs (%llu accepted) in %.1f s, %.0f per second, nothing found\n", (unsigned long long)done, (unsigned long long)accepted,
        seconds, (double)done / seconds);
    return 0;
}
