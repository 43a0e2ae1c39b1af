#include "vmi_case.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 8 };

static _Noreturn void bad(const struct vmi_case *from, const char *what, const char *text)
{
    vmi_die("%s: %s: %s: '%s'", from->file, from->name, what, text);
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

static char *read_text(const char *path)
{
    struct vmi_bytes text = { 0 };
    char block[65536];
    size_t count;
    FILE *file = fopen(path, "r");
    if (!file)
        vmi_die("%s: %s", path, strerror(errno));
    while ((count = fread(block, 1, sizeof block, file)) > 0)
        vmi_bytes_add(&text, block, count);
    if (ferror(file))
        vmi_die("%s cannot be read", path);
    fclose(file);
    vmi_bytes_add(&text, "", 1);
    return (char *)text.at;
}

/* Begins a case or a section with a line `-- kind argument`. */
static void begin(struct vmi_case_file *file, char *header, char **lines, size_t *sections)
{
    char *kind = trim(header + 3), *argument = kind + strcspn(kind, " ");
    if (*argument != '\0')
        *argument++ = '\0';
    argument = trim(argument);
    if (strcmp(kind, "name") == 0) {
        file->cases[file->case_count++] = (struct vmi_case){ .file = file->path, .name = argument, .sections = file->sections + *sections };
        return;
    }
    if (file->case_count == 0)
        vmi_die("%s: a section in front of the first name", file->path);
    file->sections[(*sections)++] = (struct vmi_case_section){ .kind = kind, .argument = argument, .lines = lines };
    file->cases[file->case_count - 1].section_count++;
}

static void take_line(struct vmi_case_file *file, char *line, size_t *lines, size_t sections)
{
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return;
    if (file->case_count == 0 || file->cases[file->case_count - 1].section_count == 0)
        vmi_die("%s: a line outside of any section: '%s'", file->path, line);
    file->lines[(*lines)++] = line;
    file->sections[sections - 1].line_count++;
}

struct vmi_case_file vmi_case_file_read(const char *path)
{
    struct vmi_case_file file = { .path = strcpy(vmi_grow(NULL, 0, strlen(path) + 1, 1), path), .text = read_text(path) };
    size_t most = 1, lines = 0, sections = 0;
    for (const char *at = file.text; *at != '\0'; at++)
        most += *at == '\n';
    file.lines = vmi_grow(NULL, 0, most, sizeof *file.lines);
    file.sections = vmi_grow(NULL, 0, most, sizeof *file.sections);
    file.cases = vmi_grow(NULL, 0, most, sizeof *file.cases);
    for (char *line = file.text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strncmp(line, "-- ", 3) == 0)
            begin(&file, line, file.lines + lines, &sections);
        else
            take_line(&file, line, &lines, sections);
    }
    return file;
}

void vmi_case_file_free(struct vmi_case_file *file)
{
    free(file->cases);
    free(file->sections);
    free(file->lines);
    free(file->text);
    free(file->path);
}

const struct vmi_case_section *vmi_case_next(const struct vmi_case *from, const char *kind, const struct vmi_case_section *previous)
{
    const struct vmi_case_section *end = from->sections + from->section_count;
    for (const struct vmi_case_section *at = previous ? previous + 1 : from->sections; at < end; at++)
        if (strcmp(at->kind, kind) == 0)
            return at;
    return NULL;
}

const struct vmi_case_section *vmi_case_find(const struct vmi_case *from, const char *kind)
{
    const struct vmi_case_section *found = vmi_case_next(from, kind, NULL);
    if (found && vmi_case_next(from, kind, found))
        bad(from, "there are two sections of a kind", kind);
    return found;
}

int32_t vmi_case_limit(const struct vmi_case *from, const char *kind, int32_t otherwise)
{
    const struct vmi_case_section *section = vmi_case_find(from, kind);
    if (!section)
        return otherwise;
    char *end;
    errno = 0;
    long long value = strtoll(section->argument, &end, 10);
    if (errno != 0 || end == section->argument || *end != '\0' || value < INT32_MIN || value > INT32_MAX)
        bad(from, "this is no number of 32 bits", section->argument);
    return (int32_t)value;
}

uint64_t vmi_case_number(const struct vmi_case *from, const char *text)
{
    int base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
    const char *digits = base == 16 ? text + 2 : text;
    char *end;
    errno = 0;
    uint64_t value = strtoull(digits, &end, base);
    if (errno != 0 || !isxdigit((unsigned char)*digits) || *end != '\0')
        bad(from, "this is no number", text);
    return value;
}

uint64_t vmi_case_pair(const struct vmi_case *from, const char *line, const char **rest)
{
    char number[32];
    size_t length = strcspn(line, ":");
    if (line[length] == '\0' || length >= sizeof number)
        bad(from, "there is no number with a colon", line);
    memcpy(number, line, length);
    number[length] = '\0';
    *rest = line + length + 1;
    while (**rest == ' ')
        ++*rest;
    return vmi_case_number(from, trim(number));
}

void vmi_case_bytes(const struct vmi_case *from, const char *text, struct vmi_bytes *bytes)
{
    for (const char *at = text; *at != '\0' && *at != ';';) {
        if (*at == ' ') {
            at++;
            continue;
        }
        if (!isxdigit((unsigned char)at[0]))
            bad(from, "these are no bytes", text);
        /* Blanks may stand between any two digits. */
        char digits[3] = { *at++ };
        at += strspn(at, " ");
        if (!isxdigit((unsigned char)*at))
            bad(from, "these are no bytes", text);
        digits[1] = *at++;
        uint8_t value = (uint8_t)strtoul(digits, NULL, 16);
        vmi_bytes_add(bytes, &value, 1);
    }
}

struct vmi_program_image vmi_case_program(const struct vmi_case *from, struct vmi_bytes *code)
{
    const struct vmi_case_section *section = vmi_case_find(from, "code");
    for (size_t i = 0; i < section->line_count; i++) {
        vmi_case_bytes(from, section->lines[i], code);
        if (code->size != (i + 1) * WORD_BYTES)
            bad(from, "this is no word of 8 bytes", section->lines[i]);
    }
    int32_t words = vmi_case_limit(from, "pad", (int32_t)section->line_count);
    for (size_t i = section->line_count; i < (size_t)words; i++) {
        uint8_t last[WORD_BYTES];
        memcpy(last, code->at + code->size - WORD_BYTES, WORD_BYTES);
        vmi_bytes_add(code, last, WORD_BYTES);
    }
    return (struct vmi_program_image){
        .code = code->at,
        .words = (uint32_t)words,
        .scratch_bytes = (uint32_t)vmi_case_limit(from, "scratch", 0),
        .budget = (uint32_t)vmi_case_limit(from, "budget", 1000),
        .schemas = (uint32_t)vmi_case_limit(from, "schemas", 0),
    };
}
