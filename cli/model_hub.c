/* ftgpu model pull and list: the models of the Hugging Face Hub, and its cache on this
 * machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/hub_bar.h"
#include "host/hub/hub.h"
#include "tracker/table.h"

/* People get the directory alone, so that $(ftgpu model pull ...) is it. */
static ft_status print_pulled(const char *model, const char *directory, ft_table_format format, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_status status = FT_OK;
    if (format == FT_TABLE_TEXT) {
        ft_text_add_line(&text, directory);
        ft_text_add(&text, "\n");
        status = ft_print_text(&text, err);
        ft_text_free(&text);
        return status;
    }
    cJSON *object = cJSON_CreateObject();
    const char *slash = strrchr(directory, '/');
    if (object && cJSON_AddStringToObject(object, "model", model) &&
        cJSON_AddStringToObject(object, "commit", slash ? slash + 1 : directory) &&
        cJSON_AddStringToObject(object, "path", directory))
        status = ft_print_object(object, format, err);
    else
        status = ft_no_memory(err, "what was fetched", 1024);
    cJSON_Delete(object);
    return status;
}

static ft_status pull(const char *model, const char *format_name, ft_error *err)
{
    char *directory = NULL;
    ft_table_format format;
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK) status = ft_hub_pull(model, &ft_hub_bar_watch, &directory, err);
    ft_hub_bar_end();
    if (status == FT_OK) status = print_pulled(model, directory, format, err);
    free(directory);
    return status;
}

int ft_command_model_pull(int argc, const char *const *argv)
{
    const char *format = "table";
    ft_option_list models = {0};
    const ft_option table[] = {FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu model pull",
        .summary = "Fetches a model from the Hugging Face Hub into its cache, and prints the directory.",
        .usage = "ORG/NAME[@REVISION] [options]",
        .example = "ftgpu model pull amazon/chronos-t5-small",
        .notes = "--model ORG/NAME does the same where the cache has no such model; pull also asks for a "
                 "newer one.\n"
                 "Python's huggingface_hub shares the cache. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN,\n"
                 "HF_HUB_OFFLINE and https_proxy are respected.\n",
        .options = table,
        .positional = "ORG/NAME",
        .arguments = &models,
        .least_arguments = 1,
        .most_arguments = 1,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(pull(models.items[0], format, &err), &err);
    }
    ft_option_list_free(&models);
    return exit_status;
}

static ft_status list(const char *format_name, ft_error *err)
{
    ft_hub_cached *cached = NULL;
    int64_t count = 0;
    char *cache = NULL;
    ft_table table = FT_TABLE_EMPTY;
    ft_table_format format;
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK) status = ft_hub_list(&cached, &count, &cache, err);
    const size_t model = ft_table_column(&table, "model"), revision = ft_table_column(&table, "revision"),
                 bytes = ft_table_column(&table, "bytes"), complete = ft_table_column(&table, "complete"),
                 path = ft_table_column(&table, "path");
    for (int64_t i = 0; i < count; i++) {
        const ft_hub_cached *c = &cached[i];
        ft_table_add_row(&table);
        ft_table_set_text(&table, model, c->model);
        ft_table_set_text(&table, revision, *c->revisions ? c->revisions : c->commit);
        ft_table_set_number(&table, bytes, (double)c->bytes);
        ft_table_set_flag(&table, complete, c->is_whole);
        ft_table_set_text(&table, path, c->path);
    }
    if (status == FT_OK && count == 0 && format == FT_TABLE_TEXT)
        fprintf(stderr, "%s holds no model; ftgpu model pull ORG/NAME fetches one\n", cache);
    else if (status == FT_OK)
        status = ft_print_table(&table, format, err);
    ft_table_free(&table);
    ft_hub_free_list(cached, count);
    free(cache);
    return status;
}

int ft_command_model_list(int argc, const char *const *argv)
{
    const char *format = "table";
    const ft_option table[] = {FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu model list",
        .summary = "Lists the models in the Hugging Face cache of this machine, Python's included.",
        .usage = "[options]",
        .example = "ftgpu model list",
        .notes = "complete: config.json and all safetensors files of its weights are there. The cache is\n"
                 "HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(list(format, &err), &err);
}
