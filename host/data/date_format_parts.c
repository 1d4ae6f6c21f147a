/* What all forms of dates share; see date_format_parts.h. */
#include "host/data/date_format_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/data/calendar.h"

size_t ft_date_count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (ft_date_is_digit(at + count, end)) count++;
    return count;
}

int32_t ft_date_take_weekday(const char **at, const char *end)
{
    size_t length = 0;
    while (ft_date_is_letter(*at + length, end)) length++;
    for (int32_t i = 0; i < 7; i++) {
        const bool fits = length == 3 || length == strlen(ft_weekday_names[i]);
        if (!fits || strncasecmp(*at, ft_weekday_names[i], length) != 0) continue;
        *at += length;
        return i;
    }
    return -1;
}

size_t ft_date_half_bytes(const char *at, const char *end)
{
    const char *start = at;
    if (!ft_date_is_letter(at, end) || !strchr("aApP", *at++)) return 0;
    const bool has_dots = at < end && *at == '.';
    if (has_dots) at++, at += ft_date_blank_bytes(at, end);
    if (!ft_date_is_letter(at, end) || !strchr("mM", *at++)) return 0;
    at += has_dots && at < end && *at == '.';
    return (size_t)(at - start);
}

size_t ft_date_blank_bytes(const char *at, const char *end)
{
    static const char *const blanks[] = {" ", "\u00A0", "\u202F"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        const size_t length = strlen(blanks[i]);
        if ((size_t)(end - at) >= length && memcmp(at, blanks[i], length) == 0) return length;
    }
    return 0;
}

const char *ft_date_composite(char letter)
{
    switch (letter) {
    case 'F':
        return "%Y-%m-%d";
    case 'T':
        return "%H:%M:%S";
    case 'R':
        return "%H:%M";
    case 'D':
        return "%m/%d/%y";
    default:
        return NULL;
    }
}

int ft_date_unix_decimals(const char *format)
{
    if (strncmp(format, "%3N", 3) != 0 && strncmp(format, "%6N", 3) != 0 && strncmp(format, "%9N", 3) != 0)
        return 0;
    return format[1] - '0';
}

void ft_date_line_add(ft_date_line *out, const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    int count = vsnprintf(out->text + out->used, out->room - out->used, format, arguments);
    __builtin_va_end(arguments);
    out->used += count > 0 ? (size_t)count : 0;
    if (out->used >= out->room) out->used = out->room - 1;
}

bool ft_date_take_number(const char **at, const char *end, size_t least, size_t most, int32_t *value)
{
    size_t count = 0;
    *value = 0;
    for (; count < most && ft_date_is_digit(*at, end); count++) *value = *value * 10 + (*(*at)++ - '0');
    return count >= least;
}

bool ft_fraction_parse(const char **at, const char *end, int32_t *microseconds, ft_timestamp_style *style)
{
    int32_t count = 0;
    *microseconds = 0;
    for (; ft_date_is_digit(*at, end); ++*at) {
        count++;
        if (count <= 6)
            *microseconds = *microseconds * 10 + (**at - '0');
        else if (count > 9 && **at != '0')
            return false;
    }
    style->fraction_digits = count < 6 ? count : 6;
    for (int32_t i = count; i < 6; i++) *microseconds *= 10;
    return count > 0;
}

/* Moves *at past the word that stands there. */
static bool take_word(const char **at, const char *end, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0) return false;
    *at += length;
    return true;
}

bool ft_zone_parse(const char **at, const char *end, ft_timestamp_style *style)
{
    const char *rest = *at;
    style->zone_minutes = 0;
    const bool utc = take_word(&rest, end, "UTC") || take_word(&rest, end, "GMT");
    if (utc || take_word(&rest, end, "Z") || take_word(&rest, end, "z")) {
        style->zone = utc ? FT_ZONE_UTC : FT_ZONE_Z;
        *at = rest;
        return true;
    }
    const bool west = rest < end && *rest == '-';
    if (!take_word(&rest, end, "+") && !take_word(&rest, end, "-")) return false;
    int32_t hours, minutes = 0;
    if (!ft_date_take_number(&rest, end, 2, 2, &hours) || hours > 23) return false;
    const bool colon = take_word(&rest, end, ":");
    style->zone = colon ? FT_ZONE_COLON : FT_ZONE_PLAIN;
    if (!colon && !ft_date_is_digit(rest, end))
        style->zone = FT_ZONE_HOURS;
    else if (!ft_date_take_number(&rest, end, 2, 2, &minutes) || minutes > 59)
        return false;
    style->zone_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    *at = rest;
    return true;
}

void ft_zone_format(const ft_timestamp_style *style, char out[8])
{
    const int zone = abs(style->zone_minutes), hours = zone / 60 % 24;
    const char sign = style->zone_minutes < 0 ? '-' : '+';
    *out = '\0';
    if (style->zone == FT_ZONE_Z || style->zone == FT_ZONE_UTC)
        strcpy(out, style->zone == FT_ZONE_Z ? "Z" : "UTC");
    else if (style->zone == FT_ZONE_HOURS && zone % 60 == 0)
        snprintf(out, 8, "%c%02d", sign, hours);
    else if (style->zone == FT_ZONE_PLAIN)
        snprintf(out, 8, "%c%02d%02d", sign, hours, zone % 60);
    else if (style->zone != FT_ZONE_NONE)
        snprintf(out, 8, "%c%02d:%02d", sign, hours, zone % 60);
}
