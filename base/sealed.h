/* JSON objects that carry a checksum of their own text: their last member is "crc32",
 * over all bytes before the comma in front of it, so that a damaged or torn one is told
 * from a whole one. They are for people to read; who edits one has to mean it. */
#ifndef FT_BASE_SEALED_H
#define FT_BASE_SEALED_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum ft_sealed_form {
    FT_SEALED_FILE, /* indented, as ft_json_print */
    FT_SEALED_LINE, /* as ft_json_print_line */
} ft_sealed_form;

/* The text of an object that has members. malloc'd; NULL when memory runs out. */
char *ft_sealed_print(const cJSON *object, ft_sealed_form form);
/* Whether a text was printed so and nothing of it has changed since. */
bool ft_sealed_is_whole(const char *text, size_t length, ft_sealed_form form);

#endif
