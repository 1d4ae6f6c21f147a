/* `ftgpu run`: one experiment. */
#include <string.h>

#include "cli/command.h"
#include "cli/training_options.h"
#include "cli/verdict.h"

int ft_command_run(int argc, const char *const *argv)
{
    ft_silence_followers();
    ft_training_options options;
    ft_option table[FT_TRAINING_OPTIONS + 3] = {{0}};
    const char *format = "table";
    size_t n = ft_training_options_table(&options, table);
    table[n++] = (ft_option)FT_OPT_TEXT("adapter", &options.request.adapter, "DIR",
                                        "start from a PEFT adapter, with its rank, alpha and targets");
    table[n] = (ft_option)FT_OPTION_FORMAT(format);
    table[n].choices = ft_training_formats;
    table[n++].help = "how the experiment is printed: table (default), csv or json; jsonl: a JSON object a "
                      "line for each event";
    ft_command_line line = {
        .command = "ftgpu run",
        .summary = "Fine-tunes one configuration, evaluates it on all splits and records the experiment.",
        .usage = "--data FILE --split A,B,C --target COLUMN [options]",
        .example = "ftgpu run --data demo/data.csv --split 0.7,0.15,0.15 --target Close --name baseline \\\n"
                   "    --set learning_rate=1e-3 --set epochs=3\n",
        .shared_notes = ft_training_notes,
        .explain = ft_training_explain,
        .options = table};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    ft_outcome outcome = {0};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_training_options_free(&options);
        return exit_status;
    }
    ft_table_format how = FT_TABLE_TEXT;
    const bool is_jsonl = strcmp(format, "jsonl") == 0;
    ft_status status = ft_training_options_resolve(&options, argc, argv, "run", &err);
    if (is_jsonl) options.live.style = FT_LIVE_JSONL;
    if (status == FT_OK && !is_jsonl) status = ft_table_format_parse(format, &how, &err);
    if (status == FT_OK) status = ft_engine_open(&options.engine, &engine, &err);
    if (status == FT_OK) status = ft_run_experiment(engine, &options.request, &outcome, &err);
    if (outcome.directory[0]) ft_training_publish(&options, &outcome);
    ft_training_end_publishing(&options);
    ft_live_clear(&options.live);
    if (status == FT_OK && !is_jsonl) status = ft_print_experiment(outcome.directory, how, &err);
    exit_status = ft_training_finish(&options.live, status, &err);
    if (status == FT_OK && !options.is_quiet) ft_tell_verdict_of_run(outcome.directory);
    ft_engine_close(engine);
    ft_training_options_free(&options);
    return exit_status;
}
