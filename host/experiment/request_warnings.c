/* Warnings about a request; see request_warnings.h. */
#include "host/experiment/request_warnings.h"

void ft_request_warn_overridden(const ft_engine *engine, const ft_experiment_request *request,
                                const ft_grid *grid)
{
    ft_hyperparameters unused;
    size_t times[FT_N_FIELDS];
    if (ft_hyperparameters_set_all(&unused, request->set, request->n_set, times, NULL) != FT_OK) return;
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        if (times[i] > 1)
            ft_engine_say(engine, "warning: %s is set %zu times: the last value counts", ft_fields[i].name,
                          times[i]);
        if (times[i] > 0 && grid && grid->covers[i])
            ft_engine_say(
                engine, "warning: %s is set for all, but each configuration has its own value, which counts",
                ft_fields[i].name);
    }
}

ft_status ft_request_warn_repeated(const ft_engine *engine, const ft_grid *grid, ft_error *err)
{
    size_t count, first, second;
    ft_status status = ft_grid_count_repeated(grid, &count, &first, &second, err);
    if (status != FT_OK || count == 0) return status;
    ft_text names = FT_TEXT_EMPTY;
    for (size_t i = 0; i < FT_N_FIELDS; i++)
        if (!ft_field_equal(&ft_fields[i], &grid->configs[first], &grid->configs[second]))
            ft_text_addf(&names, "%s%s", names.length ? ", " : "", ft_fields[i].name);
    if (names.failed)
        status = ft_no_memory(err, "a warning", 256);
    else
        ft_engine_say(engine,
                      "warning: %zu of %zu configurations train%s the same as another, as %zu and %zu do: %s "
                      "makes no difference there",
                      count, grid->count, count == 1 ? "s" : "", first + 1, second + 1, names.data);
    ft_text_free(&names);
    return status;
}
