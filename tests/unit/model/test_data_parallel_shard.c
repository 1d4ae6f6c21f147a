/* How a step's sequences are divided among ranks: each belongs to one rank, under its
 * number in the step. */
#include <criterion/criterion.h>
#include <string.h>

#include "model/data_parallel_shard.h"
#include "scratch.h"

enum { ADAPTERS = 4, SEQUENCES = 12, ENCODER = 3, DECODER = 2, MOST_RANKS = 7 };

static ft_inputs *make(void)
{
    ft_error err;
    ft_inputs *inputs;
    ft_pass_shape shape = {.n_adapters = ADAPTERS,
                           .n_sequences = SEQUENCES,
                           .encoder_length = ENCODER,
                           .decoder_length = DECODER};
    expect_ok(ft_inputs_create(&shape, &inputs, &err), &err);
    return inputs;
}

/* Adapters of 5, 0, 1 and 6 sequences; sequence s has tokens 100 s + t and, where s is
 * odd, one label. */
static ft_inputs *whole_step(void)
{
    const int32_t start[ADAPTERS + 1] = {0, 5, 5, 6, SEQUENCES};
    ft_inputs *all = make();
    memcpy(all->sequence_start, start, sizeof start);
    all->n_sequences = SEQUENCES;
    for (int32_t s = 0; s < SEQUENCES; s++) {
        for (int32_t t = 0; t < ENCODER; t++) {
            all->encoder_ids[s * ENCODER + t] = 100 * s + t;
            all->key_mask[s * ENCODER + t] = (uint8_t)(s + t);
        }
        all->labels[s * DECODER] = 1000 + s;
        all->labels[s * DECODER + 1] = s % 2 ? -100 : s;
    }
    for (int32_t g = 0; g < ADAPTERS; g++) {
        all->seed[g] = 3 + (uint32_t)g;
        all->step[g] = 9 - (uint32_t)g;
        all->model_dropout[g] = 0.1f * (float)g;
    }
    all->dropout = true;
    return all;
}

Test(shard, every_sequence_is_one_ranks_under_its_number)
{
    ft_inputs *all = whole_step(), *shard = make();
    const int64_t counted[ADAPTERS] = {8, 0, 1, 9};
    for (int32_t size = 1; size <= MOST_RANKS; size++) {
        int seen[SEQUENCES] = {0};
        for (int32_t rank = 0; rank < size; rank++) {
            ft_inputs_shard(all, rank, size, shard);
            cr_expect_leq(shard->n_sequences, ft_shard_sequences(SEQUENCES, ADAPTERS, size));
            cr_expect_eq(shard->sequence_start[ADAPTERS], shard->n_sequences);
            cr_expect(shard->dropout && shard->is_shard);
            for (int32_t g = 0; g < ADAPTERS; g++) {
                cr_expect_eq(shard->n_counted[g], counted[g]);
                cr_expect_eq(shard->seed[g], all->seed[g]);
                cr_expect_eq(shard->step[g], all->step[g]);
                cr_expect_eq(shard->model_dropout[g], all->model_dropout[g]);
                for (int32_t s = shard->sequence_start[g]; s < shard->sequence_start[g + 1]; s++) {
                    int32_t number = shard->sequence_offset[g] + s - shard->sequence_start[g];
                    int32_t source = all->sequence_start[g] + number;
                    cr_assert(source < all->sequence_start[g + 1]);
                    seen[source]++;
                    cr_expect_arr_eq(shard->encoder_ids + s * ENCODER, all->encoder_ids + source * ENCODER,
                                     ENCODER * sizeof(int32_t));
                    cr_expect_arr_eq(shard->key_mask + s * ENCODER, all->key_mask + source * ENCODER,
                                     ENCODER);
                    cr_expect_arr_eq(shard->labels + s * DECODER, all->labels + source * DECODER,
                                     DECODER * sizeof(int32_t));
                }
            }
        }
        for (int s = 0; s < SEQUENCES; s++) cr_expect_eq(seen[s], 1, "sequence %d, %d ranks", s, (int)size);
    }
    ft_inputs_free(all);
    ft_inputs_free(shard);
}

/* Contexts of LONG tokens, the first `padding` of each not attended to. */
static ft_inputs *padded_step(const int32_t *padding, int32_t n_sequences, int32_t length)
{
    ft_error err;
    ft_inputs *all;
    ft_pass_shape shape = {
        .n_adapters = 1, .n_sequences = n_sequences, .encoder_length = length, .decoder_length = DECODER};
    expect_ok(ft_inputs_create(&shape, &all, &err), &err);
    all->n_sequences = all->sequence_start[1] = n_sequences;
    for (int32_t s = 0; s < n_sequences; s++)
        for (int32_t t = 0; t < length; t++) {
            all->encoder_ids[s * length + t] = 1000 * s + t;
            all->key_mask[s * length + t] = t >= padding[s];
        }
    return all;
}

/* Of what is cut off nothing was attended to, and steps of 32 are all that may stay of
 * it. */
Test(shard, parts_have_the_sequences_without_the_padding_that_they_share)
{
    enum { LONG = 130, N = 5, PARTS = 3 };
    const int32_t padding[N] = {129, 100, 64, 31, 0}, first[PARTS + 1] = {0, 1, 3, N};
    const int32_t lengths[PARTS] = {LONG - 128, LONG - 64, LONG};
    ft_inputs *all = padded_step(padding, N, LONG), *micro_batch = padded_step(padding, N, LONG);
    for (int32_t i = 0; i < PARTS; i++) {
        ft_inputs_micro_batch(all, i, PARTS, micro_batch);
        cr_expect_eq(micro_batch->encoder_length, lengths[i]);
        cr_expect_eq(micro_batch->n_sequences, first[i + 1] - first[i]);
        cr_expect_eq(micro_batch->sequence_offset[0], first[i]);
        for (int32_t s = 0; s < micro_batch->n_sequences; s++)
            for (int32_t t = 0; t < lengths[i]; t++) {
                int32_t source = (first[i] + s) * LONG + LONG - lengths[i] + t;
                cr_assert_eq(micro_batch->encoder_ids[s * lengths[i] + t], all->encoder_ids[source]);
                cr_assert_eq(micro_batch->key_mask[s * lengths[i] + t], all->key_mask[source]);
            }
    }
    ft_inputs_free(all);
    ft_inputs_free(micro_batch);
}

Test(shard, a_step_is_cut_into_parts_that_fit)
{
    enum { LENGTH = 10 };
    ft_inputs *all = whole_step();
    for (int64_t rows = 1; rows <= 2 * SEQUENCES * LENGTH; rows++) {
        int32_t count = ft_micro_batch_count(all, LENGTH, rows);
        int32_t most = ft_micro_batch_sequences(SEQUENCES, ADAPTERS, LENGTH, rows), seen = 0;
        ft_inputs *micro_batch = make();
        for (int32_t i = 0; i < count; i++) {
            ft_inputs_micro_batch(all, i, count, micro_batch);
            cr_expect_leq(micro_batch->n_sequences, most, "%d rows, part %d of %d", (int)rows, i, count);
            cr_expect_gt(micro_batch->n_sequences, 0);
            seen += micro_batch->n_sequences;
        }
        cr_expect_eq(seen, SEQUENCES);
        ft_inputs_free(micro_batch);
    }
    ft_inputs_free(all);
}

/* Many adapters of one sequence each do not all fall to one rank. */
Test(shard, what_is_left_over_goes_round)
{
    ft_inputs *all = whole_step(), *shard = make();
    for (int32_t g = 0; g <= ADAPTERS; g++) all->sequence_start[g] = g;
    all->n_sequences = ADAPTERS;
    for (int32_t rank = 0; rank < 2; rank++) {
        ft_inputs_shard(all, rank, 2, shard);
        cr_expect_eq(shard->n_sequences, ADAPTERS / 2);
    }
    ft_inputs_free(all);
    ft_inputs_free(shard);
}
