/* Reads the files that tests/cases/README.md describes. What is wrong with one ends the program with its name. */
#ifndef VMI_CASE_H
#define VMI_CASE_H

#include <stdbool.h>

#include "vmi_bytes.h"
#include "vmi_program.h"

/* `-- kind argument` and its lines, without comments, empty lines and blanks around. */
struct vmi_case_section {
    const char *kind;
    const char *argument;       /* empty where there is none */
    char **lines;
    size_t line_count;
};

struct vmi_case {
    const char *file;
    const char *name;
    struct vmi_case_section *sections;
    size_t section_count;
};

/* The cases of one file. Owns all that they point to. */
struct vmi_case_file {
    char *path;
    char *text;
    char **lines;
    struct vmi_case_section *sections;
    struct vmi_case *cases;
    size_t case_count;
};

struct vmi_case_file vmi_case_file_read(const char *path);
void vmi_case_file_free(struct vmi_case_file *file);

/* The first section of that kind behind `previous` (from the start, where that is NULL), or NULL. */
const struct vmi_case_section *vmi_case_next(const struct vmi_case *from, const char *kind, const struct vmi_case_section *previous);

/* The only section of that kind, or NULL. */
const struct vmi_case_section *vmi_case_find(const struct vmi_case *from, const char *kind);

/* The number that a section of that kind has, which may have a minus sign. */
int32_t vmi_case_limit(const struct vmi_case *from, const char *kind, int32_t otherwise);

/* A decimal or, with 0x, hexadecimal number of up to 64 bits. */
uint64_t vmi_case_number(const struct vmi_case *from, const char *text);

/* `0x1000: something`: the number, and in `rest` what stands behind the colon. */
uint64_t vmi_case_pair(const struct vmi_case *from, const char *line, const char **rest);

/* Adds pairs of hexadecimal digits, up to a ';' or the end. */
void vmi_case_bytes(const struct vmi_case *from, const char *text, struct vmi_bytes *bytes);

/* The program of a case with `code`; `code` holds its words, and the registers are left to the machine of the case. */
struct vmi_program_image vmi_case_program(const struct vmi_case *from, struct vmi_bytes *code);

#endif
