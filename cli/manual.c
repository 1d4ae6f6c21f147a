/* The manual page; see manual.h. The macros are those of man(7) of groff, which mandoc
 * knows too. */
#include "cli/manual.h"

/* What stands for a character that troff would change or obey; NULL for the others. A
 * plain - may become a hyphen, which no shell takes for an option. */
static const char *escape(char c)
{
    switch (c) {
    case '\\':
        return "\\(rs";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '"':
        return "\\(dq";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    default:
        return NULL;
    }
}

void ft_manual_text(const char *text, ft_text *out)
{
    for (bool line_begins = true; *text; line_begins = *text++ == '\n') {
        const char *escaped = escape(*text);
        if (line_begins && *text == '.') ft_text_add(out, "\\&");
        if (escaped)
            ft_text_add(out, escaped);
        else
            ft_text_add_bytes(out, text, 1);
    }
}

/* Ends the line, if that was not done: an empty line would be one more paragraph. */
static void end_line(ft_text *out)
{
    if (out->length && out->data[out->length - 1] != '\n') ft_text_add(out, "\n");
}

void ft_manual_section(const char *title, ft_text *out)
{
    ft_text_addf(out, ".SH %s\n", title);
}

void ft_manual_item(const char *term, const char *argument, const char *meaning, ft_text *out)
{
    ft_text_add(out, ".TP\n\\fB");
    ft_manual_text(term, out);
    ft_text_add(out, "\\fR");
    if (argument) {
        ft_text_add(out, " \\fI");
        ft_manual_text(argument, out);
        ft_text_add(out, "\\fR");
    }
    ft_text_add(out, "\n");
    ft_manual_text(meaning, out);
    ft_text_add(out, "\n");
}

void ft_manual_example(const char *lines, ft_text *out)
{
    ft_text_add(out, ".RS 4\n.EX\n");
    ft_manual_text(lines, out);
    end_line(out);
    ft_text_add(out, ".EE\n.RE\n");
}

void ft_manual_command(const ft_command_line *line, ft_text *out)
{
    ft_text_addf(out, ".SS %s\n", line->command);
    ft_manual_text(line->summary, out);
    ft_text_addf(out, "\n.PP\n\\fB%s\\fR ", line->command);
    ft_manual_text(line->usage, out);
    ft_text_add(out, "\n");
    ft_text name = FT_TEXT_EMPTY;
    for (const ft_option *option = line->options; option->name; option++) {
        name.length = 0;
        bool is_optional = option->kind == FT_OPTION_OPTIONAL;
        ft_text_addf(&name, is_optional ? "--%s[=%s]" : "--%s", option->name, option->argument);
        if (!name.failed) ft_manual_item(name.data, is_optional ? NULL : option->argument, option->help, out);
    }
    out->failed = out->failed || name.failed;
    ft_text_free(&name);
    if (line->notes) {
        ft_text_add(out, ".PP\n");
        ft_manual_text(line->notes, out);
        end_line(out);
    }
    /* What is shared are the hyperparameters so far; help.c gives them a section of
     * their own. */
    if (line->shared_notes) ft_text_add(out, ".PP\nSee HYPERPARAMETERS below.\n");
    ft_text_add(out, ".PP\n");
    ft_manual_example(line->example, out);
}
