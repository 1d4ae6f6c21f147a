/* Work for all cores: every item once, some at the same time, and nothing left of it. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"

enum { MOST = 1000 };

static atomic_int done[MOST];

static void mark(void *context, int64_t i)
{
    cr_assert_eq(context, done);
    atomic_fetch_add(&done[i], 1);
}

Test(parallel, every_item_is_done_once)
{
    static const int64_t counts[] = {0, 1, 7, MOST};
    for (int threads = -1; threads < 400; threads = threads < 8 ? threads + 1 : threads * 6)
        for (int c = 0; c < 4; c++) {
            for (int i = 0; i < MOST; i++) atomic_store(&done[i], 0);
            ft_parallel(threads, counts[c], mark, done);
            for (int i = 0; i < MOST; i++)
                cr_assert_eq(atomic_load(&done[i]), i < counts[c], "item %d of %d, %d threads", i,
                             (int)counts[c], threads);
        }
}

static atomic_int arrived, together;

/* Waits for the other item, but not forever. */
static void meet(void *context, int64_t i)
{
    (void)context, (void)i;
    double end = ft_now_seconds() + 300;
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < 2 && ft_now_seconds() < end) sched_yield();
    atomic_fetch_add(&together, atomic_load(&arrived) == 2);
}

Test(parallel, two_items_run_at_the_same_time)
{
    ft_parallel(2, 2, meet, NULL);
    cr_expect_eq(atomic_load(&together), 2);
}

/* As workers of a sweep are made: a child has none of its parent's threads and can start
 * its own. */
Test(parallel, a_child_of_the_process_works_too)
{
    ft_parallel(4, MOST, mark, done);
    pid_t child = fork();
    if (child == 0) {
        alarm(500);
        ft_parallel(4, MOST, mark, done);
        _exit(atomic_load(&done[MOST - 1]) == 2 ? 0 : 1);
    }
    int how = -1;
    waitpid(child, &how, 0);
    cr_expect_eq(how, 0);
}
