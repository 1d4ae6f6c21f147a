/* Windows-1252; see windows1252.h. */
#include "base/windows1252.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { ASCII_BLOCK = 64 };

static bool is_ascii_block(const char *text)
{
    unsigned char any = 0;
    for (int i = 0; i < ASCII_BLOCK; i++) any |= (unsigned char)text[i];
    return any < 0x80;
}

size_t ft_find_non_utf8(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (size - at >= ASCII_BLOCK && is_ascii_block(text + at)) { /* most texts are */
            at += ASCII_BLOCK;
            continue;
        }
        const size_t length = ft_utf8_length(text + at, size - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

/* The Unicode character of a byte from 0x80; the five that have none stay controls. */
static uint32_t character_of(unsigned char byte)
{
    static const uint16_t from_80[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                         0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                         0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                         0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
    return byte < 0xA0 ? from_80[byte - 0x80] : byte;
}

ft_status ft_windows1252_decode(const char *path, const char *text, size_t size, char **decoded,
                                size_t *length, size_t *count, ft_error *err)
{
    size_t n = 0, step;
    for (size_t at = 0; at < size; at += step) {
        step = ft_find_non_utf8(text + at, size - at);
        if (at + step < size) step++, n++;
    }
    /* a byte becomes at most 3 */
    char *to = malloc(size + 2 * n + 1);
    if (!to) return ft_no_memory(err, path, size + 2 * n + 1);
    *decoded = to;
    *count = n;
    for (size_t at = 0; at < size; at += step) {
        step = ft_find_non_utf8(text + at, size - at);
        memcpy(to, text + at, step);
        to += step;
        if (at + step == size) break;
        to += ft_utf8_write(character_of((unsigned char)text[at + step++]), to);
    }
    *to = '\0';
    *length = (size_t)(to - *decoded);
    return FT_OK;
}
