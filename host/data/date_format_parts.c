/* The parts of date formats; see date_format_parts.h. */
#include "host/data/date_format_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const ft_month_names[12] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

size_t ft_date_count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (ft_date_is_digit(at + count, end)) count++;
    return count;
}

int32_t ft_date_take_name(const char **at, const char *end, const char *const *names, int32_t count)
{
    size_t length = 0;
    while (ft_date_is_letter(*at + length, end)) length++;
    for (int32_t i = 0; i < count; i++) {
        bool fits =
            length == 3 || length == strlen(names[i]) || (length == 4 && names == ft_month_names && i == 8);
        if (!fits || strncasecmp(*at, names[i], length) != 0) continue;
        *at += length;
        return i;
    }
    return -1;
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
