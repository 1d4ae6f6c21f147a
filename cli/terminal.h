/* The width of the terminal that a stream goes to, and lines that fit it. */
#ifndef FT_CLI_TERMINAL_H
#define FT_CLI_TERMINAL_H

#include <stddef.h>
#include <stdio.h>

/* In columns, from 20 to 100000: the environment variable COLUMNS if it is a positive
 * number, else what the terminal of `stream`, stdout or stderr, says, else (it is a pipe
 * or a file) 80. */
size_t ft_terminal_width(FILE *stream);

/* Writes lines to stderr, each broken at blanks to fit the terminal (ft_wrap_lines); as
 * they are where memory runs out. The last one may lack its newline. */
void ft_tell_lines(const char *lines);

#endif
