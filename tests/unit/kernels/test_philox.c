/* Philox 4x32-10 against the published known answers, and the properties of the numbers made from it. */
#include <criterion/criterion.h>

#include "base/philox.h"

/* The lines "philox4x32 10" of Random123's tests/kat_vectors: counter, key, result. */
Test(philox, known_answers)
{
    const uint32_t lines[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
         0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        ft_philox_key key = {{lines[i][4], lines[i][5]}};
        ft_philox_block block = ft_philox(key, lines[i][0], lines[i][1], lines[i][2], lines[i][3]);
        for (int word = 0; word < 4; word++)
            cr_expect_eq(block.word[word], lines[i][6 + word], "line %d, word %d: %08x", i, word,
                         block.word[word]);
    }
}

/* Features 0 … 4095 take (column, word) pairs that are all different, 64 features to 16 neighbouring blocks.
 */
Test(philox, every_feature_has_its_own_number)
{
    static unsigned char taken[1024][4];
    for (uint32_t feature = 0; feature < 4096; feature++) {
        uint32_t column = ft_philox_column(feature), word = ft_philox_word(feature);
        cr_assert_lt(column, 1024u);
        cr_assert_lt(word, 4u);
        cr_assert_eq(taken[column][word], 0, "feature %u shares its number", feature);
        taken[column][word] = 1;
        cr_assert_eq(column / 16, feature / 64);
    }
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
    cr_expect_eq(ft_dropout_threshold(0.5f), 0x80000000u);
    cr_expect_eq(ft_dropout_threshold(0.25f), 0x40000000u);
    cr_expect_eq(ft_dropout_scale(0.5f), 2.0f);
}
