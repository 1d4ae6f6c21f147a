/* Threads for one call; see parallel.h. */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"

enum { MOST_THREADS = 256 };

typedef struct job {
    _Atomic int64_t next;
    int64_t count;
    void (*work)(void *context, int64_t i);
    void *context;
} job;

static void *take_work(void *given)
{
    job *j = given;
    for (int64_t i; (i = atomic_fetch_add(&j->next, 1)) < j->count;) j->work(j->context, i);
    return NULL;
}

void ft_parallel(int n_threads, int64_t count, void (*work)(void *context, int64_t i), void *context)
{
    pthread_t others[MOST_THREADS];
    job j = {.count = count, .work = work, .context = context};
    int started = 0;
    if (n_threads <= 0) n_threads = ft_cpu_cores();
    if (n_threads > MOST_THREADS) n_threads = MOST_THREADS;
    if (n_threads > count) n_threads = (int)count;
    while (started < n_threads - 1 && pthread_create(&others[started], NULL, take_work, &j) == 0) started++;
    take_work(&j);
    for (int i = 0; i < started; i++) pthread_join(others[i], NULL);
}
