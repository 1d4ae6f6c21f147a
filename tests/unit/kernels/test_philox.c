/* Philox 4x32 against the published known answers, and the properties of the numbers made
 * from it. */
#include <criterion/criterion.h>

#include "base/philox.h"

/* The lines "philox4x32 7" and "philox4x32 10" of Random123's tests/kat_vectors: counter,
 * key, result. */
Test(philox, known_answers)
{
    const uint32_t lines[6][10] = {
        {0, 0, 0, 0, 0, 0, 0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x5207ddc2, 0x45165e59,
         0x4d8ee751, 0x8c52f662},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0x4dfccaba, 0x190a87f0,
         0xc47362ba, 0xb6b5242a},
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
         0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 6; i++) {
        ft_philox_key key = {{lines[i][4], lines[i][5]}};
        const uint32_t *c = lines[i];
        ft_philox_block block =
            i < 3 ? ft_philox_rounds(7, key, c[0], c[1], c[2], c[3]) : ft_philox(key, c[0], c[1], c[2], c[3]);
        for (int word = 0; word < 4; word++)
            cr_expect_eq(block.word[word], lines[i][6 + word], "line %d, word %d: %08x", i, word,
                         block.word[word]);
    }
}

/* Features 0 … 4095 take halves of words that are all different, 64 features those of 8
 * neighbouring blocks. */
Test(philox, every_feature_has_its_own_number)
{
    static unsigned char taken[512][4][2];
    for (uint32_t feature = 0; feature < 4096; feature++) {
        uint32_t column = ft_philox_column(feature), word = ft_philox_word(feature),
                 half = ft_philox_half(feature);
        cr_assert_lt(column, 512u);
        cr_assert_lt(word, 4u);
        cr_assert_lt(half, 2u);
        cr_assert_eq(taken[column][word][half], 0, "feature %u shares its number", feature);
        taken[column][word][half] = 1;
        cr_assert_eq(column / 8, feature / 64);
    }
}

/* Which number is whose: a checkpoint of an unfinished run counts on it. */
Test(philox, a_feature_s_number_is_a_half_of_a_word_of_seven_rounds)
{
    const ft_philox_key key = ft_philox_key_of(5, 6, 7);
    const ft_philox_block block = ft_philox_rounds(7, key, 8 + 3, 20, 2, 1);
    cr_expect_eq(ft_philox_at(key, 64 + 6, 20, 2, 1), block.word[0] & 0xffffu);
    cr_expect_eq(ft_philox_at(key, 64 + 7, 20, 2, 1), block.word[0] >> 16);
    cr_expect_eq(ft_philox_at(key, 64 + 48 + 6, 20, 2, 1), block.word[3] & 0xffffu);
}

Test(philox, keys_differ_in_each_part)
{
    ft_philox_key key = ft_philox_key_of(1, 2, 3);
    const uint32_t others[][3] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}, {0, 2, 3}, {2, 1, 3}, {1, 3, 2}};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        ft_philox_key other = ft_philox_key_of(others[i][0], others[i][1], others[i][2]);
        cr_expect(key.word[0] != other.word[0] && key.word[1] != other.word[1]);
    }
}

Test(philox, uniform_is_in_the_half_open_interval)
{
    cr_expect_eq(ft_philox_uniform(0), 0.0f);
    cr_expect_lt(ft_philox_uniform(0xffffffffu), 1.0f);
    cr_expect_eq(ft_philox_uniform(0x80000000u), 0.5f);
}

Test(philox, dropout_threshold_and_scale)
{
    cr_expect_eq(ft_dropout_threshold(0), 0u);
    cr_expect_eq(ft_dropout_threshold(0.5f), 0x8000u);
    cr_expect_eq(ft_dropout_threshold(0.25f), 0x4000u);
    cr_expect_eq(ft_dropout_threshold(0.1f), 6554u); /* the nearest */
    cr_expect_eq(ft_dropout_threshold(1e-9f), 0u);
    cr_expect_eq(ft_dropout_threshold(0.9999999f), 0xffffu); /* never all */
    cr_expect_eq(ft_dropout_scale(0), 1.0f);
    cr_expect_eq(ft_dropout_scale(1e-9f), 1.0f);
    cr_expect_eq(ft_dropout_scale(0.5f), 2.0f);
    /* Of 65536 equally likely numbers, what is kept times the scale is all. */
    for (float p = 0.01f; p < 1; p += 0.01f)
        cr_expect_float_eq((65536.0 - ft_dropout_threshold(p)) * (double)ft_dropout_scale(p) / 65536.0, 1,
                           1e-7);
}
