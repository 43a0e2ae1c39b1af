/* A plain driver for the fuzzer, for compilers without libFuzzer (with one, fuzz_program.c and the parts of the shim are all it needs):
 *
 *     fuzz_main [seconds=N | runs=N] [seed=N] [first=N] CASEFILE…
 *
 * Inputs are the programs of the cases with some bits turned over, and random ones. Input number n of a seed is always the same, so that
 * `seed=S first=N runs=1` repeats what was found. Ends with 0 where nothing was found. */
#define _GNU_SOURCE
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz_input.h"
#include "fuzz_program.h"
#include "vmi_case.h"

enum { RUNS_PER_LOOK = 1000 };

struct options { uint64_t seconds, runs, seed, first; };

static struct options options = { .seconds = 10, .seed = 1 };
static uint64_t current;

/* Says which input it was. */
static void tell(void)
{
    fprintf(stderr, "FOUND: seed=%llu first=%llu runs=1\n", (unsigned long long)options.seed, (unsigned long long)current);
}

static void tell_and_abort(int signal_number)
{
    tell();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool parse(const char *argument)
{
    static const struct { const char *name; uint64_t *value; } names[] = {
        { "seconds=", &options.seconds }, { "runs=", &options.runs }, { "seed=", &options.seed }, { "first=", &options.first },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].name);
        if (strncmp(argument, names[i].name, length) == 0) {
            *names[i].value = strtoull(argument + length, NULL, 0);
            return true;
        }
    }
    return false;
}

/* The programs of a file's cases, as inputs. Gives how many there are now. */
static size_t add_seeds(const char *path, struct vmi_bytes **seeds, size_t count)
{
    struct vmi_case_file file = vmi_case_file_read(path);
    *seeds = vmi_grow(*seeds, count, file.case_count + 1, sizeof **seeds);
    for (size_t i = 0; i < file.case_count; i++) {
        struct vmi_bytes code = { 0 }, seed = { 0 };
        if (!vmi_case_find(&file.cases[i], "code") || vmi_case_find(&file.cases[i], "pad"))
            continue;
        struct vmi_program_image image = vmi_case_program(&file.cases[i], &code);
        uint8_t header[VMI_FUZZ_HEADER_BYTES] = {
            (uint8_t)image.budget, (uint8_t)(image.budget >> 8), (uint8_t)image.scratch_bytes, (uint8_t)(image.scratch_bytes >> 8),
            (uint8_t)image.schemas, 2,
        };
        vmi_bytes_add(&seed, header, sizeof header);
        vmi_bytes_add(&seed, code.at, code.size);
        vmi_bytes_clear(&code);
        (*seeds)[count++] = seed;
    }
    vmi_case_file_free(&file);
    return count;
}

static bool run_input(uint64_t number, const struct vmi_bytes *seeds, size_t seed_count, struct vmi_bytes *input)
{
    uint64_t state = options.seed * 0xD1342543DE82EF95ULL + number, kind = vmi_random_next(&state) % 4;
    if (kind == 0 && seed_count > 0) {
        const struct vmi_bytes *seed = &seeds[vmi_random_next(&state) % seed_count];
        input->size = 0;
        vmi_bytes_add(input, seed->at, seed->size);
    } else {
        vmi_fuzz_random(&state, input);
    }
    if (kind < 2)
        vmi_fuzz_mutate(&state, input);
    return vmi_fuzz_program(input->at, input->size);
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

int main(int count, char **arguments)
{
    struct vmi_bytes *seeds = NULL, input = { 0 };
    size_t seed_count = 0;
    for (int i = 1; i < count; i++)
        if (!parse(arguments[i]))
            seed_count = add_seeds(arguments[i], &seeds, seed_count);
    signal(SIGABRT, tell_and_abort);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(tell);
#endif
    printf("seed=%llu first=%llu, %zu programs of cases\n", (unsigned long long)options.seed, (unsigned long long)options.first, seed_count);
    fflush(stdout);
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t done = 0, accepted = 0;
    for (; goes_on(done, &start); done++) {
        current = options.first + done;
        accepted += run_input(current, seeds, seed_count, &input);
    }
    double seconds = seconds_since(&start);
    printf("%llu inputs (%llu accepted) in %.1f s, %.0f per second, nothing found\n", (unsigned long long)done, (unsigned long long)accepted,
        seconds, (double)done / seconds);
    for (size_t i = 0; i < seed_count; i++)
        vmi_bytes_clear(&seeds[i]);
    free(seeds);
    vmi_bytes_clear(&input);
    return 0;
}
