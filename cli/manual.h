/* The manual page, in the man macros of troff. */
#ifndef FT_CLI_MANUAL_H
#define FT_CLI_MANUAL_H

#include "cli/options.h"

/* Appends text that is to be shown as it stands, but filled: what troff would take for
 * a request, an escape or a typographic sign is escaped. A line that begins with a
 * blank keeps its break. */
void ft_manual_text(const char *text, ft_text *out);
/* A section's heading. */
void ft_manual_section(const char *title, ft_text *out);
/* A term, its argument (or NULL) and below them what it means. */
void ft_manual_item(const char *term, const char *argument, const char *meaning, ft_text *out);
/* Lines that can be typed. */
void ft_manual_example(const char *lines, ft_text *out);
/* A command's subsection. */
void ft_manual_command(const ft_command_line *line, ft_text *out);

#endif
