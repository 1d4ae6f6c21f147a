/* JSON by cJSON, plus errors with line and column, and numbers that read back exactly. */
#ifndef FT_BASE_JSON_H
#define FT_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Parses `size` bytes. On failure returns FT_BAD_INPUT with "name:line:column: what".
 * Refused: anything after the value, nesting beyond 200, a key given twice in one object,
 * NUL bytes, texts that are not UTF-8. *root is the caller's, free by cJSON_Delete. */
ft_status ft_json_parse(const char *text, size_t size, const char *name, cJSON **root, ft_error *err);
/* Reads and parses a file of at most 256 MiB. */
ft_status ft_json_read(const char *path, cJSON **root, ft_error *err);
/* Which members of a file's outermost object are wanted. The lists end in NULL. */
typedef struct ft_json_part {
    const char *const *without; /* these become null; NULL: none */
    /* a member that is an object, which keeps `only` these of its members; NULL: none is
     * cut down */
    const char *within;
    const char *const *only;
} ft_json_part;
/* Reads a part of a file: unwanted members cost neither memory nor time. Their contents
 * must be well-formed. A key given twice is not noticed inside them, nor among the
 * members that the object `within` loses. */
ft_status ft_json_read_part(const char *path, const ft_json_part *part, cJSON **root, ft_error *err);

/* The value as text, indented by two spaces, numbers as the shortest text that reads back
 * exactly (whole numbers without a fraction), NaN and infinities as null, UTF-8 kept,
 * ends in a newline. malloc'd; NULL when memory runs out. */
char *ft_json_print(const cJSON *value);
/* The same on one line without blanks and without the newline (for JSON lines). */
char *ft_json_print_line(const cJSON *value);
/* ft_json_print into a file by ft_write_file. */
ft_status ft_json_write(const char *path, const cJSON *value, ft_error *err);

/* A number, or null where the value is not finite. */
cJSON *ft_json_number(double value);

/* Adds a member to an object, or an item to a list, and takes ownership of it. When
 * memory runs out, now or before (a NULL argument), both are deleted and *object or
 * *list becomes NULL: one look at the end is enough. */
void ft_json_set(cJSON **object, const char *key, cJSON *item);
void ft_json_append(cJSON **list, cJSON *item);
/* ft_json_set with a new item of this value. */
void ft_json_set_whole(cJSON **object, const char *key, int64_t value);
void ft_json_set_string(cJSON **object, const char *key, const char *value);
void ft_json_set_bool(cJSON **object, const char *key, bool value);
void ft_json_set_null(cJSON **object, const char *key);
/* Finite real numbers as their shortest text, always with a point or an exponent: Python
 * tells 1.0 from 1, and transformers' configs refuse the second where they want the
 * first. */
void ft_json_set_float(cJSON **object, const char *key, float value);
void ft_json_set_double(cJSON **object, const char *key, double value);

#endif
