/* What the completion of both shells has in common; see completion.h. */
#include "cli/completion.h"

#include <string.h>

#include "host/search/hyperparameters.h"
#include "tracker/metrics.h"

const char *ft_completion_helper(const char *argument)
{
    static const char *const helpers[][2] = {
        {"FILE", "__ftgpu_files"},
        {"DIR", "__ftgpu_directories"},
        {"MODEL", "__ftgpu_directories"},
        {"ID", "__ftgpu_experiments"},
        {"METRIC", "__ftgpu_metrics"},
        {"KEY", "__ftgpu_keys"},
        {"ID|best", "__ftgpu_experiments_or_best"},
    };
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
        if (strcmp(argument, helpers[i][0]) == 0) return helpers[i][1];
    return strncmp(argument, "KEY=", 4) == 0 ? "__ftgpu_assignments" : NULL;
}

void ft_completion_function(const char *command, ft_text *out)
{
    ft_text_add(out, "_");
    for (; *command; command++) ft_text_add_bytes(out, *command == ' ' ? "_" : command, 1);
}

static void add_word(const char *word, ft_text *out)
{
    ft_text_addf(out, "%s%s", out->length ? " " : "", word);
}

void ft_completion_metrics(ft_text *out)
{
    for (size_t i = 0; i < FT_N_METRICS; i++) add_word(ft_metric_names[i], out);
}

void ft_completion_keys(ft_text *out)
{
    for (size_t i = 0; i < FT_N_FIELDS; i++) add_word(ft_fields[i].name, out);
}

void ft_completion_values(const char *command, ft_text *out)
{
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        const ft_field *field = &ft_fields[i];
        if (field->type != FT_FIELD_CHOICE && field->type != FT_FIELD_FLAG) continue;
        ft_text_addf(out, "    %s) %s", field->name, command);
        for (size_t k = 0; field->choices[k]; k++) ft_text_addf(out, " %s", field->choices[k]);
        ft_text_addf(out, "%s ;;\n", field->type == FT_FIELD_FLAG ? " true false" : "");
    }
}
