/* The verdict at the end of a sweep; see verdict.h. */
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"
#include "tracker/fit.h"
#include "tracker/select.h"
#include "tracker/show.h"

/* The ids of a sweep's experiments, as a glob: characters that mean something in globs
 * are escaped. */
static void add_glob(const char *name, ft_text *glob)
{
    for (const char *at = name; *at; at++) {
        if (strchr("*?[]\\", *at)) ft_text_add(glob, "\\");
        ft_text_add_bytes(glob, at, 1);
    }
    ft_text_add(glob, "_[0-9]*");
}

void ft_tell_verdict(const char *results, const char *name)
{
    ft_experiments experiments = {0};
    ft_text lines = FT_TEXT_EMPTY, glob = FT_TEXT_EMPTY, wrapped = FT_TEXT_EMPTY;
    ft_error ignored;
    add_glob(name, &glob);
    ft_status status = glob.failed ? FT_NO_MEMORY : FT_OK;
    if (status == FT_OK) status = ft_experiments_load(results, FT_SCORES, &experiments, &ignored);
    const ft_selection selection = {.match = glob.data};
    if (status == FT_OK) status = ft_experiments_select(&experiments, &selection, &ignored);
    if (status == FT_OK) status = ft_describe_verdict(&experiments, FT_MAE, FT_VAL, &lines, &ignored);
    if (status == FT_OK && lines.length) {
        ft_text_addf(&lines, "next         ftgpu best --match '%s'; ftgpu report --out report.html\n",
                     glob.data);
        if (!lines.failed) ft_wrap_lines(lines.data, ft_terminal_width(), &wrapped);
        if (!wrapped.failed && wrapped.length) fputs(wrapped.data, stderr);
    }
    ft_text_free(&wrapped);
    ft_text_free(&glob);
    ft_text_free(&lines);
    ft_experiments_free(&experiments);
}
