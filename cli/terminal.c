/* The width of the terminal; see terminal.h. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "tracker/terminal_text.h"

enum { LEAST = 20, UNKNOWN = 80, MOST = 100000 };

size_t ft_terminal_width(FILE *stream)
{
    const char *told = getenv("COLUMNS");
    long long columns = 0;
    struct winsize size;
    if (!told || !ft_parse_int(told, strlen(told), &columns) || columns <= 0)
        columns = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : UNKNOWN;
    if (columns > MOST) columns = MOST;
    return columns < LEAST ? LEAST : (size_t)columns;
}

void ft_tell_lines(const char *lines)
{
    ft_text wrapped = FT_TEXT_EMPTY;
    ft_wrap_lines(lines, ft_terminal_width(stderr), &wrapped);
    const size_t length = strlen(lines);
    if (wrapped.failed || !wrapped.data)
        fprintf(stderr, "%s%s", lines, length > 0 && lines[length - 1] == '\n' ? "" : "\n");
    else
        fputs(wrapped.data, stderr);
    ft_text_free(&wrapped);
}
