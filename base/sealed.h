/* JSON objects with a checksum of their own text. The last member, "crc32", covers all
 * bytes before the comma in front of it, so a damaged or truncated object is detected.
 * People can read the objects; to edit one, they must also change the checksum. */
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
/* Whether ft_sealed_print printed the text in this form and nothing in it has changed
 * since. */
bool ft_sealed_is_whole(const char *text, size_t length, ft_sealed_form form);

#endif
