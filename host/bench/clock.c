/* Times calls in bursts; see clock.h. */
#include "host/bench/clock.h"

#include <stdlib.h>

#include "base/clock.h"

enum { MOST_CALLS = 1 << 20, MOST_CAPTURED = 256 };

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double ft_bench_median(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[count / 2];
}

void ft_bench_clock_start(ft_bench_clock *clock, ft_backend *backend, int64_t steps, double burst_seconds)
{
    *clock = (ft_bench_clock){.backend = backend, .steps = steps, .burst_seconds = burst_seconds, .burst = 1};
    clock->seconds = calloc((size_t)steps, sizeof *clock->seconds);
    if (!clock->seconds)
        clock->status = ft_no_memory(&clock->error, "timings", (size_t)steps * sizeof *clock->seconds);
}

/* Waits for everything queued; returns the seconds since the clock was started. */
static double elapsed(ft_bench_clock *clock)
{
    clock->status = clock->backend->synchronize(clock->backend, &clock->error);
    return ft_now_seconds() - clock->started;
}

/* Times bursts of graph replays, each of about burst_seconds. */
static void time_replays(ft_bench_clock *clock, void *graph)
{
    ft_backend *backend = clock->backend;
    long replays = 1;
    /* the first replay uploads the graph to the device */
    backend->replay(backend, graph);
    elapsed(clock);
    while (clock->status == FT_OK && clock->n_timed < clock->steps) {
        clock->started = ft_now_seconds();
        for (long i = 0; i < replays; i++) backend->replay(backend, graph);
        double seconds = elapsed(clock);
        if (clock->n_timed == 0 && seconds < clock->burst_seconds && replays < MOST_CALLS)
            replays *= 2;
        else
            clock->seconds[clock->n_timed++] = seconds / ((double)replays * (double)clock->burst);
    }
}

static void end_capture(ft_bench_clock *clock)
{
    ft_backend *backend = clock->backend;
    void *graph = backend->capture_end(backend);
    if (graph) {
        time_replays(clock, graph);
        backend->graph_free(backend, graph);
    } else {
        clock->status = backend->synchronize(backend, &clock->error);
        if (clock->status == FT_OK)
            clock->status = ft_fail(&clock->error, FT_FAILED, "the calls could not be captured as a graph");
    }
}

/* Decides after a burst how the next one is made. False: there is none. */
static bool next_burst(ft_bench_clock *clock, double seconds)
{
    const bool captures = clock->backend->capture_begin != NULL;
    switch (clock->phase) {
    case FT_BENCH_WARMING:
        clock->phase = FT_BENCH_SIZING;
        return true;
    case FT_BENCH_SIZING:
        if (seconds < clock->burst_seconds && clock->burst < (captures ? MOST_CAPTURED : MOST_CALLS)) {
            clock->burst *= 2;
            return true;
        }
        clock->phase = captures ? FT_BENCH_CAPTURING : FT_BENCH_TIMING;
        if (captures) return true;
        break;
    default:
        break;
    }
    clock->seconds[clock->n_timed++] = seconds / (double)clock->burst;
    return clock->n_timed < clock->steps;
}

bool ft_bench_again(ft_bench_clock *clock)
{
    if (clock->status != FT_OK) return false;
    if (clock->call > 0) {
        if (clock->call < clock->burst) {
            clock->call++;
            return true;
        }
        if (clock->phase == FT_BENCH_CAPTURING) {
            end_capture(clock);
            return false;
        }
        double seconds = elapsed(clock);
        if (clock->status != FT_OK || !next_burst(clock, seconds)) return false;
        if (clock->phase == FT_BENCH_CAPTURING) clock->backend->capture_begin(clock->backend);
    }
    clock->call = 1;
    clock->started = ft_now_seconds();
    return true;
}

ft_status ft_bench_clock_stop(ft_bench_clock *clock, ft_bench_seconds *seconds, ft_error *err)
{
    if (clock->status == FT_OK) {
        /* the median sorts them */
        seconds->median = ft_bench_median(clock->seconds, clock->steps);
        seconds->least = clock->seconds[0];
    } else if (err) {
        *err = clock->error;
    }
    free(clock->seconds);
    clock->seconds = NULL;
    return clock->status;
}
