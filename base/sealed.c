/* JSON objects that carry a checksum of their own text; see sealed.h. */
#include "base/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/json.h"
#include "base/text.h"

enum { END_CHARS = 40 };

/* How an object ends without its checksum, and with it. */
static const struct {
    const char *end, *sealed_end;
} forms[] = {
    [FT_SEALED_FILE] = {"\n}\n", ",\n  \"crc32\": \"%08x\"\n}\n"},
    [FT_SEALED_LINE] = {"}", ",\"crc32\":\"%08x\"}"},
};

static size_t print_end(ft_sealed_form form, const char *text, size_t length, char end[END_CHARS])
{
    const unsigned checksum = (unsigned)ft_checksum(0, text, length);
    return (size_t)snprintf(end, END_CHARS, forms[form].sealed_end, checksum);
}

char *ft_sealed_print(const cJSON *object, ft_sealed_form form)
{
    char *text = form == FT_SEALED_FILE ? ft_json_print(object) : ft_json_print_line(object);
    if (!text) return NULL;
    size_t length = strlen(text) - strlen(forms[form].end);
    char end[END_CHARS];
    ft_text sealed = FT_TEXT_EMPTY;
    print_end(form, text, length, end);
    ft_text_add_bytes(&sealed, text, length);
    ft_text_add(&sealed, end);
    free(text);
    if (sealed.failed) ft_text_free(&sealed);
    return sealed.data;
}

bool ft_sealed_is_whole(const char *text, size_t length, ft_sealed_form form)
{
    char end[END_CHARS];
    const size_t end_length = print_end(form, "", 0, end);
    if (length < end_length) return false;
    print_end(form, text, length - end_length, end);
    return memcmp(text + length - end_length, end, end_length) == 0;
}
