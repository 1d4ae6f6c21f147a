/* Completion of command lines by bash and zsh: scripts of which each command writes
 * its own function. */
#ifndef FT_CLI_COMPLETION_H
#define FT_CLI_COMPLETION_H

#include "cli/command.h"
#include "cli/options.h"

/* The script is the head, each command's function, and the tail. */
void ft_completion_bash_head(ft_text *out);
void ft_completion_bash_command(const ft_command_line *line, ft_text *out);
void ft_completion_bash_tail(const ft_command *commands, size_t count, ft_text *out);

void ft_completion_zsh_head(ft_text *out);
void ft_completion_zsh_command(const ft_command_line *line, ft_text *out);
void ft_completion_zsh_tail(const ft_command *commands, size_t count, ft_text *out);

/* The shell function, one of the head's, that completes an argument shown as
 * `argument` in help ("FILE"); NULL: nothing is known about it. */
const char *ft_completion_helper(const char *argument);
/* "_ftgpu_data_demo" for "ftgpu data demo", appended. */
void ft_completion_function(const char *command, ft_text *out);
/* The metrics' names, and the hyperparameters', with blanks between. */
void ft_completion_metrics(ft_text *out);
void ft_completion_keys(ft_text *out);
/* Of a shell's `case $key in`: the lines that offer the values of hyperparameters
 * which have but a few, as words after `command`. */
void ft_completion_values(const char *command, ft_text *out);

#endif
