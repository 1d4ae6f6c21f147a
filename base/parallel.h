/* Runs a loop on all cores. Its threads end with the call, so the process may fork
 * afterwards. (OpenMP keeps its threads: a forked child would wait forever for threads
 * that it does not have.) */
#ifndef FT_BASE_PARALLEL_H
#define FT_BASE_PARALLEL_H

#include <stdint.h>

/* Calls work(context, i) once for each i in [0, count), in any order, by at most
 * n_threads threads at a time (<= 0: as many as there are cores), the caller's among
 * them. Where threads cannot be started fewer do it. */
void ft_parallel(int n_threads, int64_t count, void (*work)(void *context, int64_t i), void *context);

#endif
