/* ftgpu model: looking into a model directory, making a fresh one, merging an adapter
 * into one. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/hub_bar.h"
#include "cli/model_info.h"
#include "host/output.h"
#include "model/adapter.h"
#include "model/weights.h"

/* A model that is there is not overwritten. */
static ft_status check_free(const char *directory, ft_error *err)
{
    static const char *const files[] = {"config.json", "model.safetensors", "model.safetensors.index.json"};
    ft_status status = FT_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && status == FT_OK; i++)
        status = ft_output_check_absent(directory, files[i], err);
    return status;
}

/* Says on stdout what was written. */
static ft_status report_written(const char *directory, int64_t n_parameters, const char *what, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add_line(&text, directory);
    ft_text_addf(&text, ": %s, %lld parameters\n", what, (long long)n_parameters);
    ft_status status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

static ft_status init(const char *size, const char *directory, int64_t seed, ft_error *err)
{
    ft_model_config config;
    int64_t n_parameters = 0;
    ft_status status = ft_config_for_size(size, &config, err);
    if (status == FT_OK) status = check_free(directory, err);
    if (status == FT_OK)
        status = ft_weights_write_fresh(directory, &config, (uint32_t)seed, &n_parameters, err);
    if (status == FT_OK) status = report_written(directory, n_parameters, "a fresh model, untrained", err);
    return status;
}

int ft_command_model_init(int argc, const char *const *argv)
{
    static const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large", NULL};
    const char *size = NULL, *directory = NULL;
    int64_t seed = 0;
    const ft_option table[] = {
        FT_OPT_CHOICE("size", &size, "SIZE", sizes, "nano, tiny, mini, small, base or large",
                      .required = true),
        FT_OPT_TEXT("out", &directory, "DIR", "the model directory to make", .required = true),
        FT_OPT_INTEGER("seed", &seed, "N", 0, 4294967295.0, "of the random weights (default 0)"),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu model init",
        .summary = "Writes a fresh Chronos-T5 with random weights. It knows nothing of time series yet.",
        .usage = "--size SIZE --out DIR [options]",
        .example = "ftgpu model init --size nano --out nano",
        .notes = "The same size and seed give the same weights. ChronosPipeline.from_pretrained loads the "
                 "directory.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(init(size, directory, seed, &err), &err);
}

static ft_status merge(const char *model, const char *adapter_directory, const char *out, ft_error *err)
{
    ft_weights *weights = NULL;
    ft_adapter *adapter = NULL;
    char *directory = NULL;
    const ft_input inputs[] = {{"the model", model}, {"the adapter", adapter_directory}};
    ft_status status = ft_output_check(out, inputs, 2, err);
    if (status == FT_OK) status = check_free(out, err);
    if (status == FT_OK) status = ft_hub_bar_resolve(model, &directory, err);
    if (status == FT_OK) status = ft_weights_read(directory, &weights, err);
    if (status == FT_OK) status = ft_adapter_read(adapter_directory, weights, &adapter, err);
    if (status == FT_OK) status = ft_adapter_merge(adapter, weights, err);
    if (status == FT_OK) status = ft_weights_write(out, weights, directory, err);
    if (status == FT_OK)
        status = report_written(out, ft_parameter_count(weights), "the model with the adapter merged into it",
                                err);
    ft_adapter_free(adapter);
    ft_weights_free(weights);
    free(directory);
    return status;
}

int ft_command_model_merge(int argc, const char *const *argv)
{
    const char *model = NULL, *adapter = NULL, *out = NULL;
    const ft_option table[] = {
        FT_OPT_TEXT("model", &model, "DIR",
                    "the base model: a directory, or ORG/NAME on the Hugging Face Hub", .required = true),
        FT_OPT_TEXT("adapter", &adapter, "DIR", "a PEFT adapter that was trained on it", .required = true),
        FT_OPT_TEXT("out", &out, "DIR", "the model directory to make", .required = true),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu model merge",
        .summary =
            "Writes a model with an adapter merged into its weights, for programs that cannot load adapters.",
        .usage = "--model DIR --adapter DIR --out DIR",
        .example = "ftgpu model merge --model ftgpu-nano --out tuned \\\n"
                   "    --adapter results/fine_tuning/baseline_20250101_120000/adapter",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(merge(model, adapter, out, &err), &err);
}

static ft_status info(const char *model, const char *format_name, ft_error *err)
{
    cJSON *object = NULL;
    char *directory = NULL;
    ft_table_format format;
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK) status = ft_hub_bar_resolve(model, &directory, err);
    if (status == FT_OK) status = ft_model_info(directory, &object, err);
    if (status == FT_OK) status = ft_print_object(object, format, err);
    cJSON_Delete(object);
    free(directory);
    return status;
}

int ft_command_model_info(int argc, const char *const *argv)
{
    const char *format = "table";
    ft_option_list models = {0};
    const ft_option table[] = {FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu model info",
        .summary = "Shows a model's sizes, parameter counts, settings and checksum, after reading it whole.",
        .usage = "MODEL [options]",
        .example = "ftgpu model info nano --format json",
        .options = table,
        .positional = "MODEL",
        .arguments = &models,
        .least_arguments = 1,
        .most_arguments = 1,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(info(models.items[0], format, &err), &err);
    }
    ft_option_list_free(&models);
    return exit_status;
}
