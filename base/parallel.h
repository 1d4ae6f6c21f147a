/* Runs a loop on all cores. Its threads end with the call, so the process may fork
 * afterwards. (OpenMP keeps its threads, and a forked child would wait for ever for
 * threads that the fork did not copy.) */
#ifndef FT_BASE_PARALLEL_H
#define FT_BASE_PARALLEL_H

#include <stdint.h>

/* Calls work(context, i) once for each i in [0, count), in any order, on at most
 * n_threads threads including the caller's (<= 0: one for each core). Uses fewer threads
 * where some cannot be started. */
void ft_parallel(int n_threads, int64_t count, void (*work)(void *context, int64_t i), void *context);

#endif
