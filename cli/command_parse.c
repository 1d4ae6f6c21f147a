/* The options of a command, and its help where that is asked for; see command.h. */
#include "cli/command.h"

#include <string.h>

#include "cli/help.h"

bool ft_command_parse(const ft_command_line *line, int argc, const char *const *argv, int *exit_status)
{
    ft_error err = {""};
    bool help = false;
    ft_help_form form = FT_HELP_NONE;
    ft_status status = FT_OK;
    for (int i = 0; i < argc && status == FT_OK && form == FT_HELP_NONE && strcmp(argv[i], "--") != 0; i++)
        status = ft_help_parse(argv[i], &form, &err);
    if (status == FT_OK && form == FT_HELP_NONE) {
        status = ft_options_parse(line, argc, argv, &help, &err);
        if (status == FT_OK) return true;
    } else if (status == FT_OK) {
        ft_text text = FT_TEXT_EMPTY;
        ft_help_command(line, form, &text);
        status = ft_print_text(&text, &err);
        ft_text_free(&text);
    }
    /* "ftgpu run: ..." as ft_options_parse says it; ft_command_finish puts the
     * program's name before it. */
    static const char program[] = "ftgpu ";
    size_t length = sizeof program - 1;
    if (strncmp(err.message, program, length) == 0)
        memmove(err.message, err.message + length, strlen(err.message + length) + 1);
    *exit_status = ft_command_finish(status, &err);
    return false;
}
