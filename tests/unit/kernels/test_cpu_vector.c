/* The cpu backend's vector helpers, as compiled for the build's own instruction set. */
#include "kernels/cpu/dropout.h"

#include <criterion/criterion.h>
#include <math.h>

static float lane(ft_vector value)
{
    float lanes[FT_LANES];
    ft_store(lanes, value);
    return lanes[0];
}

Test(cpu_vector, exp2_is_within_two_units_in_the_last_place)
{
    for (float x = -120.0f; x < 120.0f; x += 0.0137f) {
        const double wanted = exp2((double)x), got = (double)lane(ft_exp2(ft_set(x)));
        cr_assert_leq(fabs(got - wanted), 2.4e-7 * wanted, "2^%g", (double)x);
    }
}

Test(cpu_vector, exp_of_special_values)
{
    cr_expect_eq(lane(ft_exp(ft_set(0.0f))), 1.0f);
    cr_expect_eq(lane(ft_exp(ft_set(-INFINITY))), 0.0f);
    cr_expect_lt(lane(ft_exp(ft_set(-1e30f))), 1e-37f);
    cr_expect(isnan(lane(ft_exp(ft_set(NAN)))));
}

Test(cpu_vector, numbers_drawn_by_groups_are_those_of_philox)
{
    const ft_philox_key key = ft_philox_key_of(3, 5, 7);
    ft_uint_vector number[FT_DRAWN][FT_GROUP_VECTORS];
    ft_draw(key, 9, 1, 1000, 3, 11, 13, number);
    for (uint32_t i = 0; i < FT_DRAWN; i++)
        for (uint32_t f = 0; f < FT_GROUP; f++) {
            const uint32_t wanted = ft_philox_at(key, (9 + i) * FT_GROUP + f, 1000 - 3 * i, 11, 13);
            cr_assert_eq(number[i][f / FT_LANES][f % FT_LANES], wanted, "group %u feature %u", i, f);
        }
}

Test(cpu_vector, transposition_and_sums_of_rows)
{
    ft_vector rows[FT_LANES], copy[FT_LANES];
    for (int i = 0; i < FT_LANES; i++)
        for (int j = 0; j < FT_LANES; j++) rows[i][j] = (float)(i * FT_LANES + j);
    for (int i = 0; i < FT_LANES; i++) copy[i] = rows[i];
    const ft_vector sums = ft_sum_each(copy);
    ft_transpose(rows);
    for (int i = 0; i < FT_LANES; i++) {
        cr_expect_eq(sums[i], (float)(FT_LANES * FT_LANES * i + FT_LANES * (FT_LANES - 1) / 2));
        for (int j = 0; j < FT_LANES; j++) cr_expect_eq(rows[i][j], (float)(j * FT_LANES + i));
    }
}

Test(cpu_vector, bf16_is_rounded_as_one_number_is)
{
    const float values[] = {0.0f,     -0.0f,    1.0f,   1.00390625f, 1.01171875f,
                            3.14159f, -2.7e20f, 6e-30f, INFINITY,    -INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint16_t halves[FT_LANES];
        ft_store_bf16(halves, ft_set(values[i]));
        cr_expect_eq(halves[FT_LANES - 1], ft_bf16_from_float(values[i]), "%g", (double)values[i]);
    }
    uint16_t halves[FT_LANES];
    ft_store_bf16(halves, ft_set(NAN));
    cr_expect(isnan(ft_bf16_to_float(halves[0])));
}
