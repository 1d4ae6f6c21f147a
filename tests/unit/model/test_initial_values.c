/* Fresh random values: what each is by definition, and that all cores draw them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/philox.h"
#include "model/initial_values.h"

enum { MOST = 200000 };

/* Value `i` of a tensor: words 0 and 1 of a block are values 0 and 1 of four, words 2 and
 * 3 the others. */
static float value_of(uint32_t seed, const char *name, float deviation, size_t i)
{
    const ft_philox_key key = ft_philox_key_of(seed, ft_checksum(0, name, strlen(name)), 0x5a3b1e02);
    const ft_philox_block block = ft_philox(key, (uint32_t)(i / 4), 0, 0, 0);
    const uint32_t *word = block.word + (i % 4 < 2 ? 0 : 2);
    float radius = sqrtf(-2.0f * logf(((float)word[0] + 1.0f) * 0x1p-32f));
    float angle = 6.28318530717958647692f * ((float)word[1] * 0x1p-32f);
    return radius * (i % 2 ? sinf(angle) : cosf(angle)) * deviation;
}

static void fill(float *values, size_t count, double deviation)
{
    const ft_normal_values normal = ft_normal_values_of(deviation, 7, "a.weight");
    ft_fill_normal(&normal, values, count);
}

Test(initial_values, normal_ones_have_the_same_bits_for_any_count)
{
    static const size_t counts[] = {0, 1, 3, 4, 6, 1023, 1024, 1025, 1030, 65536, 65537, MOST};
    static const float outside = 1234;
    float *values = malloc((MOST + 1) * sizeof *values);
    cr_assert(values);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        values[counts[c]] = outside;
        fill(values, counts[c], 0.3);
        for (size_t i = 0; i < counts[c]; i++) {
            float wanted = value_of(7, "a.weight", 0.3f, i);
            cr_assert(memcmp(&values[i], &wanted, sizeof wanted) == 0, "%zu of %zu: %a, not %a", i, counts[c],
                      (double)values[i], (double)wanted);
        }
        cr_assert_eq(values[counts[c]], outside, "a value after the last of %zu", counts[c]);
    }
    free(values);
}

Test(initial_values, a_part_is_what_it_is_in_the_whole)
{
    static const size_t firsts[] = {0, 4, 1020, 1024, 65536};
    const ft_normal_values normal = ft_normal_values_of(0.3, 7, "a.weight");
    float *whole = malloc(MOST * sizeof *whole), part[1500];
    cr_assert(whole);
    fill(whole, MOST, 0.3);
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
        for (size_t count = 1; count <= 1500; count += 499) {
            ft_draw_normal(&normal, firsts[f], count, part);
            cr_expect(memcmp(part, whole + firsts[f], count * sizeof *part) == 0, "%zu of %zu", count,
                      firsts[f]);
        }
    free(whole);
}

static double cpu_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Where there are two cores, this thread does not do all of it. */
Test(initial_values, a_large_tensor_is_drawn_by_all_cores)
{
    enum { LARGE = 1 << 24 };
    float *values = malloc(LARGE * sizeof *values);
    cr_assert(values);
    double whole = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), mine = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    fill(values, LARGE, 1);
    whole = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - whole;
    mine = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - mine;
    cr_expect(ft_cpu_cores() == 1 ? mine > 0.9 * whole : mine < 0.9 * whole, "%g of %g s, %d cores", mine,
              whole, ft_cpu_cores());
    free(values);
}

/* Workers of a sweep are forks. */
Test(initial_values, a_child_of_the_process_draws_too)
{
    float *values = malloc(MOST * sizeof *values), *again = malloc(MOST * sizeof *again);
    cr_assert(values && again);
    fill(values, MOST, 1);
    pid_t child = fork();
    if (child == 0) {
        alarm(500);
        fill(again, MOST, 1);
        _exit(memcmp(values, again, MOST * sizeof *again) ? 1 : 0);
    }
    int how = -1;
    waitpid(child, &how, 0);
    cr_expect_eq(how, 0);
    free(again);
    free(values);
}
