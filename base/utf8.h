/* UTF-8, and making foreign texts (files, names, arguments) safe to print as one line on
 * a terminal. */
#ifndef FT_BASE_UTF8_H
#define FT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the UTF-8 character at `bytes`, of which `left` bytes can be read; 0
 * where it is not valid (RFC 3629: no surrogates, nothing overlong). */
size_t ft_utf8_length(const char *bytes, size_t left);
bool ft_is_utf8(const char *text);
/* Writes a character of up to U+10FFFF, not NUL-terminated; returns its bytes, 1 to 4. */
size_t ft_utf8_write(uint32_t character, char *to);
/* The bytes of the character that a text which is not at its end begins with; 1 where
 * that is not valid. */
size_t ft_utf8_step(const char *text);
/* Columns on a terminal: one for each character (wide and combining ones are not told
 * apart), and for each byte that is none. */
size_t ft_utf8_width(const char *text);
/* Whether the character of that length at `bytes` is a control character: C0, DEL or C1
 * (U+0080 to U+009F, some of which begin an escape sequence). */
bool ft_is_control(const char *bytes, size_t length);

/* Makes one line of a text, harmless to a terminal: each control character, and each byte
 * that is not UTF-8, becomes '?'. In place; the text gets no longer. */
void ft_keep_line(char *text);

#endif
