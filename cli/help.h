/* Help in all its forms: for the terminal, as manual page, as completion for shells.
 * Each form is made from the same tables, the commands' own ft_command_line, so that
 * none of them can fall behind. */
#ifndef FT_CLI_HELP_H
#define FT_CLI_HELP_H

#include "cli/command.h"
#include "cli/options.h"

typedef enum ft_help_form {
    FT_HELP_NONE,
    FT_HELP_TEXT, /* --help, -h */
    FT_HELP_MAN,  /* --help=man, and so on */
    FT_HELP_BASH,
    FT_HELP_ZSH
} ft_help_form;

/* The form that this word asks for; FT_HELP_NONE when it doesn't ask for help.
 * FT_BAD_INPUT for a form that there is not. */
ft_status ft_help_parse(const char *word, ft_help_form *form, ft_error *err);

/* Appends one command's part: the whole help, a subsection of the manual, a shell
 * function. */
void ft_help_command(const ft_command_line *line, ft_help_form form, ft_text *out);

/* Prints the program's help, of `count` commands, and returns the exit status. As text
 * it lists the commands, with `group` ("data", else NULL) only those of the group; in
 * the other forms it holds the part of each, which is asked for as a user would: by
 * running the command with --help=FORM. */
int ft_help_program(const ft_command *commands, size_t count, const char *group, ft_help_form form);

/* Whether `name` begins with the word `group` and has a second. */
bool ft_command_is_in_group(const char *name, const char *group);

#endif
