/* The verdict at the end of a sweep; see verdict.h. */
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"
#include "tracker/fit.h"
#include "tracker/select.h"
#include "tracker/show.h"

/* Adds the name with a backslash before what means something in a pattern. */
static void add_escaped(ft_text *pattern, const char *name, const char *special)
{
    for (; *name; name++) {
        if (strchr(special, *name)) ft_text_add(pattern, "\\");
        ft_text_add_bytes(pattern, name, 1);
    }
}

/* The ids of a sweep's experiments, NAME_001_20260101_120000, as a regular expression. */
static void add_regex(const char *name, ft_text *regex)
{
    ft_text_add(regex, "^");
    add_escaped(regex, name, ".[]{}()\\*+?^$|");
    ft_text_add(regex, "_[0-9]+_[0-9]{8}_[0-9]{6}(_[0-9]+)?$");
}

void ft_tell_verdict(const char *results, const char *name)
{
    ft_experiments experiments = {0};
    ft_text lines = FT_TEXT_EMPTY, regex = FT_TEXT_EMPTY, wrapped = FT_TEXT_EMPTY;
    ft_error ignored;
    add_regex(name, &regex);
    ft_status status = regex.failed ? FT_NO_MEMORY : FT_OK;
    if (status == FT_OK) status = ft_experiments_load(results, FT_SCORES, &experiments, &ignored);
    const ft_selection selection = {.match = regex.data, .regex = true};
    if (status == FT_OK) status = ft_experiments_select(&experiments, &selection, &ignored);
    if (status == FT_OK) status = ft_describe_verdict(&experiments, FT_MAE, FT_VAL, &lines, &ignored);
    if (status == FT_OK && lines.length) {
        ft_text_add(&lines, "next         ftgpu best --match '");
        add_escaped(&lines, name, "*?[]\\");
        ft_text_add(&lines, "_[0-9]*'; ftgpu report --out report.html\n");
        if (!lines.failed) ft_wrap_lines(lines.data, ft_terminal_width(), &wrapped);
        if (!wrapped.failed && wrapped.length) fputs(wrapped.data, stderr);
    }
    ft_text_free(&wrapped);
    ft_text_free(&regex);
    ft_text_free(&lines);
    ft_experiments_free(&experiments);
}
