/* Times a call of a backend:
 *   ft_bench_clock clock;
 *   ft_bench_clock_start(&clock, backend, 3, 0.01);
 *   while (ft_bench_again(&clock)) backend->adamw(backend, &step);
 *   status = ft_bench_clock_stop(&clock, &seconds, err);
 *
 * The first call warms up and is not timed. Then come bursts of calls, doubled until a
 * burst is so long that waiting for its end and the clock's resolution do not matter.
 * If the backend can capture, such a burst becomes a graph and its replays are timed,
 * since a GPU finishes a small kernel before the host has launched the next. */
#ifndef FT_HOST_BENCH_CLOCK_H
#define FT_HOST_BENCH_CLOCK_H

#include "kernels/backend.h"

typedef struct ft_bench_clock {
    ft_backend *backend;
    int64_t steps, n_timed;
    double burst_seconds, started;
    enum { FT_BENCH_WARMING, FT_BENCH_SIZING, FT_BENCH_TIMING, FT_BENCH_CAPTURING } phase;
    long call, burst; /* calls so far in this burst, and its length */
    double *seconds;  /* (steps), of one call in each burst */
    ft_status status;
    ft_error error;
} ft_bench_clock;

/* Seconds of one call. */
typedef struct ft_bench_seconds {
    double median, least;
} ft_bench_seconds;

/* Starts timing `steps` (>= 1) bursts of at least burst_seconds each. */
void ft_bench_clock_start(ft_bench_clock *clock, ft_backend *backend, int64_t steps, double burst_seconds);
/* Whether to call once more; false after a failure. */
bool ft_bench_again(ft_bench_clock *clock);
/* Returns the times, or the first failure. */
ft_status ft_bench_clock_stop(ft_bench_clock *clock, ft_bench_seconds *seconds, ft_error *err);

/* Returns the median of values: (count), and sorts them. */
double ft_bench_median(double *values, int64_t count);

#endif
