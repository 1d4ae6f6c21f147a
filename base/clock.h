/* Elapsed time. */
#ifndef FT_BASE_CLOCK_H
#define FT_BASE_CLOCK_H

#include <time.h>

/* Seconds on a clock that never runs back; only differences mean something. */
static inline double ft_now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A clock for processes that wait for others. It stops while this process is stopped
 * (Ctrl-Z, a batch scheduler's suspend, a paused container, a closed lid), because the
 * others are usually stopped then too and are not late. Start from {.looked_at = now};
 * read it often, as in a polling loop. */
typedef struct ft_awake_clock {
    double looked_at, seconds;
} ft_awake_clock;

/* The clock's time, from 0. `now` as ft_now_seconds. A longer pause than half a second
 * between two looks counts as half a second. */
static inline double ft_awake_seconds(ft_awake_clock *clock, double now)
{
    const double passed = now - clock->looked_at;
    clock->seconds += passed < 0.5 ? passed : 0.5;
    clock->looked_at = now;
    return clock->seconds;
}

#endif
