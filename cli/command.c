/* What commands share; see command.h. */
#include "cli/command.h"
#include "cli/data_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

const char *const ft_format_choices[] = {"table", "csv", "json", NULL};
const char *const ft_duplicates_choices[] = {"mean", "first", "last", NULL};
const char *const ft_device_choices[] = {"auto", "cpu", "cuda", NULL};
const char *const ft_dtype_choices[] = {"auto", "f32", "bf16", NULL};

int ft_command_finish(ft_status status, const ft_error *err)
{
    if (status == FT_OK) return FT_EXIT_DONE;
    fprintf(stderr, "ftgpu: %s\n", err->message);
    switch (status) {
    case FT_BAD_INPUT:
        return FT_EXIT_BAD_INPUT;
    case FT_INTERRUPTED:
        return FT_EXIT_INTERRUPTED;
    default:
        return FT_EXIT_FAILED;
    }
}

void ft_command_warn(const char *format, ...)
{
    char line[sizeof((ft_error *)0)->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ft_keep_line(line);
    fprintf(stderr, "ftgpu: warning: %s\n", line);
}

ft_status ft_print_text(const ft_text *text, ft_error *err)
{
    if (text->failed) return ft_fail(err, FT_NO_MEMORY, "out of memory while preparing the output");
    errno = 0;
    if (text->length) fwrite(text->data, 1, text->length, stdout);
    if (fflush(stdout) != 0 || ferror(stdout))
        return ft_fail(err, FT_FAILED, "cannot write to standard output: %s", strerror(errno));
    return FT_OK;
}

ft_status ft_print_table(const ft_table *table, ft_table_format format, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_status status = ft_table_print(table, format, &text, err);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

ft_status ft_print_json(const cJSON *value, ft_error *err)
{
    char *json = ft_json_print(value);
    if (!json) return ft_fail(err, FT_NO_MEMORY, "out of memory while preparing the output");
    ft_text text = {.data = json, .length = strlen(json)};
    ft_status status = ft_print_text(&text, err);
    free(json);
    return status;
}

/* Rows for the members of an object; `part` is its own name and a dot, or "". */
static void add_members(ft_table *table, const char *part, const cJSON *object)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        ft_text name = FT_TEXT_EMPTY;
        ft_text_addf(&name, "%s%s%s", part, member->string, cJSON_IsObject(member) ? "." : "");
        if (name.failed) {
            table->failed = true;
        } else if (cJSON_IsObject(member)) {
            add_members(table, name.data, member);
        } else {
            ft_table_add_row(table);
            ft_table_set_text(table, 0, name.data);
            if (cJSON_IsNumber(member)) ft_table_set_number(table, 1, member->valuedouble);
            if (cJSON_IsString(member)) ft_table_set_text(table, 1, member->valuestring);
            if (cJSON_IsBool(member)) ft_table_set_flag(table, 1, cJSON_IsTrue(member));
        }
        ft_text_free(&name);
    }
}

ft_status ft_print_object(const cJSON *object, ft_table_format format, ft_error *err)
{
    if (format == FT_TABLE_JSON) return ft_print_json(object, err);
    ft_table table = FT_TABLE_EMPTY;
    ft_table_column(&table, "name");
    ft_table_column(&table, "value");
    add_members(&table, "", object);
    ft_status status = ft_print_table(&table, format, err);
    ft_table_free(&table);
    return status;
}

ft_status ft_command_load(const char *results, ft_detail detail, ft_experiments *experiments, ft_error *err)
{
    ft_status status = ft_experiments_load(results, detail, experiments, err);
    if (status != FT_OK) return status;
    for (size_t i = 0; i < experiments->n_warnings; i++) ft_command_warn("%s", experiments->warnings[i]);
    if (experiments->n_unfinished)
        ft_command_warn("%s: %zu unfinished (no results.json: still running, or killed)", results,
                        experiments->n_unfinished);
    return FT_OK;
}
