/* Errors as values; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

ft_status ft_fail(ft_error *err, ft_status status, const char *format, ...)
{
    if (!err) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    ft_keep_line(err->message);
    return status;
}

void ft_error_prefix(ft_error *err, const char *prefix)
{
    if (!err) return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    int n = snprintf(err->message, sizeof err->message, "%s: ", prefix);
    if (n < 0) return;
    size_t used = (size_t)n < sizeof err->message ? (size_t)n : sizeof err->message - 1;
    size_t room = sizeof err->message - used - 1, length = strnlen(old, sizeof old);
    if (length > room) length = room;
    memcpy(err->message + used, old, length);
    err->message[used + length] = '\0';
    ft_keep_line(err->message);
}

ft_status ft_no_memory(ft_error *err, const char *what, unsigned long long bytes)
{
    return ft_fail(err, FT_NO_MEMORY, "out of memory: %llu bytes for %s", bytes, what);
}
