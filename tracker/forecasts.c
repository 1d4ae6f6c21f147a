/* Writes forecasts.csv a window at a time; the file appears whole when it is
 * committed. */
#include "tracker/forecasts.h"

#include <stdio.h>
#include <stdlib.h>

#include "tracker/table.h"

const char *const ft_forecast_kind_names[FT_N_FORECAST_KINDS] = {"train", "val", "test", "test_zero_shot",
                                                                 "test_seasonal_naive"};
enum { MOST_EXAMPLES = 6 };

bool ft_forecasts_is_example(size_t window, size_t n)
{
    for (size_t k = 0; n > MOST_EXAMPLES && k < MOST_EXAMPLES; k++)
        if (window == k * (n - 1) / (MOST_EXAMPLES - 1)) return true;
    return n <= MOST_EXAMPLES;
}

ft_status ft_forecasts_create(ft_forecasts *forecasts, const char *path, ft_error *err)
{
    *forecasts = (ft_forecasts){0};
    ft_status status = ft_file_create(&forecasts->file, path, err);
    if (status != FT_OK) return status;
    fputs("split,item_id,origin,timestamp,target,mean", forecasts->file.stream);
    for (int q = 0; q < FT_N_QUANTILES; q++) {
        char number[FT_NUMBER_CHARS];
        fprintf(forecasts->file.stream, ",%s", ft_format_double(ft_quantile_levels[q], number));
    }
    fputc('\n', forecasts->file.stream);
    return FT_OK;
}

ft_status ft_forecasts_add_window(ft_forecasts *forecasts, const char *split, const char *item_id,
                                  const char *origin, const char *const *timestamps, const double *truth,
                                  const float *samples, size_t n_samples, size_t horizon, ft_error *err)
{
    if (n_samples > forecasts->n_scratch) {
        float *grown = realloc(forecasts->scratch, n_samples * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the samples of a step", n_samples * sizeof *grown);
        forecasts->scratch = grown;
        forecasts->n_scratch = n_samples;
    }
    ft_text *line = &forecasts->line;
    for (size_t t = 0; t < horizon; t++) {
        double mean, quantiles[FT_N_QUANTILES];
        ft_summarize_step(samples, n_samples, horizon, t, ft_quantile_levels, FT_N_QUANTILES,
                          forecasts->scratch, &mean, quantiles);
        if (forecasts->file.stream) line->length = 0;
        const char *const labels[] = {split, item_id, origin, timestamps[t]};
        for (int i = 0; i < 4; i++) {
            if (i) ft_text_add(line, ",");
            ft_csv_add_field(line, labels[i] ? labels[i] : "");
        }
        ft_csv_add_number(line, truth[t]);
        ft_csv_add_number(line, mean);
        for (int q = 0; q < FT_N_QUANTILES; q++) ft_csv_add_number(line, quantiles[q]);
        ft_text_add(line, "\n");
        if (line->failed) return ft_no_memory(err, "a line of forecasts.csv", line->length);
        if (forecasts->file.stream) /* a failure is found by the commit */
            fwrite(line->data, 1, line->length, forecasts->file.stream);
    }
    return FT_OK;
}

void ft_forecasts_add_lines(ft_forecasts *forecasts, const ft_text *lines)
{
    if (lines->length) fwrite(lines->data, 1, lines->length, forecasts->file.stream);
}

ft_status ft_forecasts_commit(ft_forecasts *forecasts, ft_error *err)
{
    return ft_file_commit(&forecasts->file, err);
}

void ft_forecasts_close(ft_forecasts *forecasts)
{
    ft_file_abandon(&forecasts->file);
    ft_text_free(&forecasts->line);
    free(forecasts->scratch);
    *forecasts = (ft_forecasts){0};
}
