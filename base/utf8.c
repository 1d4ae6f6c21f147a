/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <string.h>

size_t ft_utf8_length(const char *bytes, size_t left)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    unsigned char first = byte[0];
    if (first < 0x80) return 1;
    size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                    : first >= 0xE0 && first <= 0xEF ? 3
                    : first >= 0xF0 && first <= 0xF4 ? 4
                                                     : 0;
    if (length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xC0) != 0x80) return 0; /* stops at a NUL too */
    if (length == 3 && ((first == 0xE0 && byte[1] < 0xA0) || (first == 0xED && byte[1] > 0x9F))) return 0;
    if (length == 4 && ((first == 0xF0 && byte[1] < 0x90) || (first == 0xF4 && byte[1] > 0x8F))) return 0;
    return length;
}

size_t ft_utf8_step(const char *text)
{
    const size_t length = ft_utf8_length(text, 4); /* a NUL ends it before that */
    return length > 0 ? length : 1;
}

size_t ft_utf8_width(const char *text)
{
    size_t width = 0;
    for (; *text; width++) text += ft_utf8_step(text);
    return width;
}

bool ft_is_utf8(const char *text)
{
    size_t length;
    for (; *text; text += length) {
        length = ft_utf8_length(text, 4); /* a NUL ends it before that */
        if (length == 0) return false;
    }
    return true;
}

size_t ft_utf8_write(uint32_t character, char *to)
{
    const int more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(first[more] | character >> (6 * more));
    for (int i = more - 1; i >= 0; i--) *to++ = (char)(0x80 | (character >> (6 * i) & 0x3F));
    return (size_t)more + 1;
}

bool ft_is_control(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];
    if (length == 1) return first < 0x20 || first == 0x7F;
    return length == 2 && first == 0xC2 && (unsigned char)bytes[1] < 0xA0;
}

void ft_keep_line(char *text)
{
    char *to = text;
    while (*text) {
        size_t length = ft_utf8_length(text, 4); /* a NUL ends it before that */
        if (length > 0 && !ft_is_control(text, length)) {
            memmove(to, text, length);
            to += length;
        } else {
            *to++ = '?';
        }
        text += length > 0 ? length : 1;
    }
    *to = '\0';
}
