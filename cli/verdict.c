/* The verdict at the end of a sweep or a run; see verdict.h. */
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"
#include "host/ftgpu.h"
#include "tracker/select.h"
#include "tracker/show.h"

/* Adds the name with a backslash before each of the `special` characters. */
static void add_escaped(ft_text *pattern, const char *name, const char *special)
{
    for (; *name; name++) {
        if (strchr(special, *name)) ft_text_add(pattern, "\\");
        ft_text_add_bytes(pattern, name, 1);
    }
}

/* Adds a regular expression for the ids of a sweep's experiments,
 * NAME_001_20260101_120000. */
static void add_regex(const char *name, ft_text *regex)
{
    ft_text_add(regex, "^");
    add_escaped(regex, name, ".[]{}()\\*+?^$|");
    ft_text_add(regex, "_[0-9]+_[0-9]{8}_[0-9]{6}(_[0-9]+)?$");
}

/* "next         ftgpu best --results DIR --match 'lr_[0-9]*'" and the report's line. They
 * are to be copied, so that they are not wrapped. */
static void add_next(const char *results, const char *name, ft_text *out)
{
    static const char *const commands[][2] = {{"best", ""}, {"report", " --out report.html"}};
    ft_text pattern = FT_TEXT_EMPTY;
    add_escaped(&pattern, name, "*?[]\\");
    ft_text_add(&pattern, "_[0-9]*");
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !pattern.failed; i++) {
        ft_text_addf(out, "next         ftgpu %s", commands[i][0]);
        if (strcmp(results, FT_DEFAULT_RESULTS) != 0) {
            ft_text_add(out, " --results ");
            ft_text_add_word(out, results);
        }
        ft_text_add(out, " --match ");
        ft_text_add_word(out, pattern.data);
        ft_text_addf(out, "%s\n", commands[i][1]);
    }
    if (pattern.failed) out->failed = true;
    ft_text_free(&pattern);
}

void ft_tell_verdict(const char *results, const char *name)
{
    ft_experiments experiments = {0};
    ft_text lines = FT_TEXT_EMPTY, regex = FT_TEXT_EMPTY, next = FT_TEXT_EMPTY;
    ft_error ignored;
    add_regex(name, &regex);
    ft_status status = regex.failed ? FT_NO_MEMORY : FT_OK;
    if (status == FT_OK) status = ft_experiments_load(results, FT_BASELINES, &experiments, &ignored);
    const ft_selection selection = {.match = regex.data, .regex = true};
    if (status == FT_OK) status = ft_experiments_select(&experiments, &selection, &ignored);
    if (status == FT_OK) status = ft_describe_verdict(&experiments, FT_MAE, FT_VAL, &lines, &ignored);
    if (status == FT_OK && lines.length) {
        if (!lines.failed) ft_tell_lines(lines.data);
        add_next(results, name, &next);
        if (!next.failed) fputs(next.data, stderr);
    }
    ft_text_free(&next);
    ft_text_free(&regex);
    ft_text_free(&lines);
    ft_experiments_free(&experiments);
}

void ft_tell_verdict_of_run(const char *directory)
{
    ft_experiment experiment = {0};
    ft_text lines = FT_TEXT_EMPTY;
    ft_error ignored;
    ft_status status = ft_experiment_read_part(directory, FT_BASELINES, &experiment, &ignored);
    const ft_experiments alone = {.items = &experiment, .count = 1};
    if (status == FT_OK)
        status = ft_describe_judgement(&alone, &experiment, FT_MAE, FT_VAL, &lines, &ignored);
    if (status == FT_OK && lines.length && !lines.failed) ft_tell_lines(lines.data);
    ft_text_free(&lines);
    ft_experiment_free(&experiment);
}
