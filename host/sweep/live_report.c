/* Keeps the report of a sweep up to date while it runs; see live_report.h. */
#include "host/sweep/live_report.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "tracker/report/report.h"

/* From one write to the next: at least so many seconds, and so many times what the last
 * one took. */
static const double PAUSE_SECONDS = 3, PAUSE_FACTOR = 20;

ft_status ft_live_report_check(const ft_sweep_request *request, ft_error *err)
{
    ft_file_writer trial;
    if (!request->report) return FT_OK;
    ft_status status = ft_file_create(&trial, request->report, err);
    ft_file_abandon(&trial);
    return status;
}

/* Reads what is recorded of the sweep. What was deleted or cannot be read is left out. */
static ft_status read_recorded(const ft_sweep *sweep, ft_experiments *recorded, ft_error *err)
{
    const size_t n = sweep->grid.count;
    ft_error ignored;
    ft_status status = FT_OK;
    recorded->items = calloc(n, sizeof *recorded->items);
    if (!recorded->items) return ft_no_memory(err, "the report", n * sizeof *recorded->items);
    for (size_t i = 0; i < n && status != FT_NO_MEMORY; i++) {
        const char *id = ft_sweep_store_done(sweep->store, i);
        if (!id) continue;
        char *directory = ft_join_path(sweep->engine->settings.results, id);
        status = directory ? ft_experiment_read(directory, &recorded->items[recorded->count], &ignored)
                           : ft_no_memory(&ignored, "a path", 64);
        if (status == FT_OK) recorded->count++;
        free(directory);
    }
    return status == FT_NO_MEMORY ? ft_no_memory(err, "the report", n * sizeof *recorded->items) : FT_OK;
}

static ft_status write_report(ft_sweep *sweep, ft_error *err)
{
    ft_experiments recorded = {0};
    ft_text page = FT_TEXT_EMPTY;
    const ft_report_request request = {.experiments = &recorded,
                                       .metric = FT_MAE,
                                       .split = FT_VAL,
                                       .results = sweep->engine->settings.results};
    ft_status status = read_recorded(sweep, &recorded, err);
    if (status == FT_OK && recorded.count > 0) {
        status = ft_report_make(&request, &page, err);
        if (status == FT_OK) status = ft_write_file(sweep->request->report, page.data, page.length, err);
    }
    ft_text_free(&page);
    ft_experiments_free(&recorded);
    return status;
}

void ft_live_report_update(ft_sweep *sweep, bool at_once)
{
    ft_report_state *state = &sweep->report;
    ft_error err = {""};
    if (!sweep->request->report || !state->is_stale) return;
    const double started = ft_now_seconds();
    if (!at_once && started < state->next) return;
    if (sweep->request->n_shards > 0) (void)ft_sweep_store_refresh(sweep->store, &err);
    const bool failed = write_report(sweep, &err) != FT_OK;
    if (failed && !state->has_failed)
        ft_engine_say(sweep->engine, "warning: the report is not up to date: %s", err.message);
    state->is_stale = failed;
    state->has_failed = state->has_failed || failed;
    const double ended = ft_now_seconds();
    state->next = ended + fmax(PAUSE_SECONDS, PAUSE_FACTOR * (ended - started));
}
