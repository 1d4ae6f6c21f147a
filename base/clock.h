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

#endif
