/* Artificial series: reproducible, finite, and of the shapes that they promise. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/synthetic/synthetic.h"

enum { LENGTH = 576 };

Test(synthetic, a_series_depends_on_seed_index_and_length_alone)
{
    void *scratch = malloc(ft_synthetic_scratch(LENGTH));
    static float first[20][LENGTH], again[LENGTH];
    memset(scratch, 0xff, ft_synthetic_scratch(LENGTH));
    for (int i = 0; i < 20; i++) ft_synthetic_draw(7, (uint64_t)i << 30, LENGTH, first[i], scratch);
    memset(scratch, 0, ft_synthetic_scratch(LENGTH));
    for (int i = 19; i >= 0; i--) {
        ft_synthetic_draw(7, (uint64_t)i << 30, LENGTH, again, scratch);
        cr_expect_arr_eq(again, first[i], sizeof again);
        ft_synthetic_draw(8, (uint64_t)i << 30, LENGTH, again, scratch);
        cr_expect_arr_neq(again, first[i], sizeof again);
    }
    free(scratch);
}
