/* Fresh random values: what each is by definition, and that all cores draw them. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/philox.h"
#include "model/initial_values.h"

enum { MOST = 70000 };

/* Value `i` of a tensor: words 0 and 1 of a block are values 0 and 1 of four, words 2 and 3 the others. */
static float value_of(uint32_t seed, const char *name, float deviation, size_t i)
{
    const ft_philox_key key = ft_philox_key_of(seed, ft_checksum(0, name, strlen(name)), 0x5a3b1e02);
    const ft_philox_block block = ft_philox(key, (uint32_t)(i / 4), 0, 0, 0);
    const uint32_t *word = block.word + (i % 4 < 2 ? 0 : 2);
    float radius = sqrtf(-2.0f * logf(((float)word[0] + 1.0f) * 0x1p-32f));
    float angle = 6.28318530717958647692f * ((float)word[1] * 0x1p-32f);
    return radius * (i % 2 ? sinf(angle) : cosf(angle)) * deviation;
}

Test(initial_values, normal_ones_have_the_same_bits_for_any_count_and_number_of_threads)
{
    static const size_t counts[] = {0, 1, 3, 4, 6, 1023, 1024, 1025, 1030, 40000, MOST};
    static const float outside = 1234;
    float *values = malloc((MOST + 1) * sizeof *values);
    cr_assert(values);
    for (int threads = 1; threads <= 5; threads += 2)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            omp_set_num_threads(threads);
            values[counts[c]] = outside;
            ft_fill_normal(values, counts[c], 0.3, 7, "a.weight");
            for (size_t i = 0; i < counts[c]; i++) {
                float wanted = value_of(7, "a.weight", 0.3f, i);
                cr_assert(memcmp(&values[i], &wanted, sizeof wanted) == 0,
                          "%zu of %zu, %d threads: %a, not %a", i, counts[c], threads, (double)values[i],
                          (double)wanted);
            }
            cr_assert_eq(values[counts[c]], outside, "a value after the last of %zu", counts[c]);
        }
    free(values);
}

static int threads_of_this_process(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* OpenMP keeps its threads: whoever took part is still there. */
Test(initial_values, a_large_tensor_is_drawn_by_all_threads)
{
    float *values = malloc(MOST * sizeof *values);
    cr_assert(values);
    omp_set_num_threads(4);
    int before = threads_of_this_process();
    ft_fill_normal(values, MOST, 1, 1, "a.weight");
    cr_expect_eq(threads_of_this_process() - before, 3);
    free(values);
}
