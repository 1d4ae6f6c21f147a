/* How wide the terminal is that stdout goes to. */
#ifndef FT_CLI_TERMINAL_H
#define FT_CLI_TERMINAL_H

#include <stddef.h>

/* Columns: COLUMNS where it is a number, else what the terminal says, else (stdout is
 * a pipe or a file) 80. */
size_t ft_terminal_width(void);

#endif
