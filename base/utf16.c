/* UTF-16; see utf16.h. */
#include "base/utf16.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

bool ft_is_utf16(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    if (size < 2) return false;
    if (bytes[0] == 0xFE && bytes[1] == 0xFF) return true;
    return bytes[0] == 0xFF && bytes[1] == 0xFE && !(size >= 4 && bytes[2] == 0 && bytes[3] == 0);
}

static uint32_t unit_at(const unsigned char *bytes, bool low_first)
{
    return low_first ? bytes[0] | (uint32_t)bytes[1] << 8 : (uint32_t)bytes[0] << 8 | bytes[1];
}

ft_status ft_utf16_decode(const char *path, const void *data, size_t size, char **text, size_t *length,
                          ft_error *err)
{
    const unsigned char *bytes = data;
    const bool low_first = bytes[0] == 0xFF;
    *text = NULL;
    if (size % 2 != 0)
        return ft_fail(err, FT_BAD_INPUT, "%s: is UTF-16, but its last character is cut off", path);
    /* a unit takes at most 3 bytes */
    char *decoded = malloc(size / 2 * 3 + 1), *to = decoded;
    if (!decoded) return ft_no_memory(err, path, size / 2 * 3 + 1);
    for (size_t at = 2; at < size; at += 2) {
        uint32_t character = unit_at(bytes + at, low_first);
        /* two units make one character */
        if (character >= 0xD800 && character < 0xE000) {
            const uint32_t low = at + 2 < size ? unit_at(bytes + at + 2, low_first) : 0;
            if (character >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
                free(decoded);
                return ft_fail(err, FT_BAD_INPUT,
                               "%s: is UTF-16, but half a character stands at byte %zu (damaged? save it as "
                               "UTF-8)",
                               path, at);
            }
            character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
            at += 2;
        }
        to += ft_utf8_write(character, to);
    }
    *to = '\0';
    *text = decoded;
    *length = (size_t)(to - decoded);
    return FT_OK;
}
