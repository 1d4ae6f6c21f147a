/* Some of a step's sequences: those of one of several ranks, those of one of several
 * passes; see data_parallel_shard.h. */
#include "model/data_parallel_shard.h"

#include <string.h>

/* Padding is cut off in steps of this, so that few different shapes occur. */
enum { PADDING_STEP = 32 };

int32_t ft_shard_sequences(int32_t n_sequences, int32_t n_adapters, int32_t size)
{
    int64_t most = ((int64_t)n_sequences + (int64_t)n_adapters * (size - 1)) / size;
    return most < n_sequences ? (int32_t)most : n_sequences;
}

static int64_t count_labels(const ft_inputs *in, int32_t first, int32_t end)
{
    int64_t counted = 0;
    for (int64_t i = (int64_t)first * in->decoder_length; i < (int64_t)end * in->decoder_length; i++)
        counted += in->labels[i] != -100;
    return counted;
}

/* The sequences of adapter g that fall to turn `turn` of `size`: from *first on, as many
 * as are returned. */
static int32_t turn_of(const ft_inputs *all, int32_t g, int32_t turn, int32_t size, int32_t *first)
{
    int64_t n = all->sequence_start[g + 1] - all->sequence_start[g];
    *first = (int32_t)(n * turn / size);
    return (int32_t)(n * (turn + 1) / size) - *first;
}

/* The last `length` tokens of a context of `all` and their mask. */
static void copy_context(const ft_inputs *all, int32_t from, ft_inputs *shard, int32_t to)
{
    int64_t length = shard->encoder_length;
    int64_t source = (int64_t)(from + 1) * all->encoder_length - length, target = to * length;
    memcpy(shard->encoder_ids + target, all->encoder_ids + source, (size_t)length * sizeof(int32_t));
    memcpy(shard->key_mask + target, all->key_mask + source, (size_t)length);
}

/* Puts sequences [first, first + count) of adapter g behind those that `shard` holds. */
static void take(const ft_inputs *all, int32_t g, int32_t first, int32_t count, ft_inputs *shard)
{
    size_t decoder = (size_t)all->decoder_length;
    int32_t start = all->sequence_start[g], taken = shard->n_sequences;
    for (int32_t i = 0; i < count; i++) copy_context(all, start + first + i, shard, taken + i);
    memcpy(shard->labels + (size_t)taken * decoder, all->labels + (size_t)(start + first) * decoder,
           (size_t)count * decoder * sizeof(int32_t));
    shard->sequence_start[g] = taken;
    shard->sequence_offset[g] = first;
    shard->n_counted[g] = count_labels(all, start, all->sequence_start[g + 1]);
    shard->seed[g] = all->seed[g];
    shard->step[g] = all->step[g];
    shard->model_dropout[g] = all->model_dropout[g];
    shard->lora_dropout[g] = all->lora_dropout[g];
    shard->lora_scale[g] = all->lora_scale[g];
    shard->learning_rate[g] = all->learning_rate[g];
    shard->weight_decay[g] = all->weight_decay[g];
    shard->max_grad_norm[g] = all->max_grad_norm[g];
    shard->n_sequences = shard->sequence_start[g + 1] = taken + count;
}

static void take_turn(const ft_inputs *all, int32_t g, int32_t turn, int32_t size, ft_inputs *shard)
{
    int32_t first, count = turn_of(all, g, turn, size, &first);
    take(all, g, first, count, shard);
}

static void start_shard(const ft_inputs *all, int32_t encoder_length, ft_inputs *shard)
{
    shard->n_sequences = 0;
    shard->encoder_length = encoder_length;
    shard->decoder_length = all->decoder_length;
    shard->dropout = all->dropout;
    shard->is_shard = true;
}

void ft_inputs_shard(const ft_inputs *all, int32_t rank, int32_t size, ft_inputs *shard)
{
    start_shard(all, all->encoder_length, shard);
    for (int32_t g = 0; g < all->n_adapters; g++) take_turn(all, g, (rank + g) % size, size, shard);
}

int32_t ft_micro_batch_sequences(int32_t n_sequences, int32_t n_adapters, int32_t encoder_length,
                                 int64_t rows)
{
    int64_t most = rows / encoder_length + n_adapters;
    return most < n_sequences ? (int32_t)most : n_sequences;
}

int32_t ft_micro_batch_count(const ft_inputs *all, int32_t encoder_length, int64_t rows)
{
    int32_t most = 1; /* more parts than sequences of any adapter would be empty */
    for (int32_t g = 0; g < all->n_adapters; g++) {
        int32_t n = all->sequence_start[g + 1] - all->sequence_start[g];
        if (n > most) most = n;
    }
    int64_t count = ((int64_t)all->n_sequences * encoder_length + rows - 1) / rows;
    return count > most ? most : count > 0 ? (int32_t)count : 1;
}

/* Tokens before the first that any of these sequences attends to, at most `most`. */
static int32_t common_padding(const ft_inputs *in, int32_t first, int32_t count, int32_t most)
{
    for (int32_t s = first; s < first + count; s++) {
        const uint8_t *mask = in->key_mask + (int64_t)s * in->encoder_length;
        int32_t padding = 0;
        while (padding < most && !mask[padding]) padding++;
        most = padding;
    }
    return most;
}

/* Tokens that stay of the contexts. */
static int32_t without(const ft_inputs *all, int32_t padding)
{
    return all->encoder_length - padding / PADDING_STEP * PADDING_STEP;
}

void ft_inputs_micro_batch(const ft_inputs *all, int32_t index, int32_t count, ft_inputs *micro_batch)
{
    int32_t padding = all->encoder_length - 1;
    for (int32_t g = 0; g < all->n_adapters; g++) {
        int32_t first, n = turn_of(all, g, index, count, &first);
        padding = common_padding(all, all->sequence_start[g] + first, n, padding);
    }
    start_shard(all, without(all, padding), micro_batch);
    for (int32_t g = 0; g < all->n_adapters; g++) take_turn(all, g, index, count, micro_batch);
}

void ft_inputs_range(const ft_inputs *all, int32_t first, int32_t count, ft_inputs *micro_batch)
{
    start_shard(all, without(all, common_padding(all, first, count, all->encoder_length - 1)), micro_batch);
    for (int32_t g = 0; g < all->n_adapters; g++) {
        int32_t start = all->sequence_start[g], end = all->sequence_start[g + 1];
        int32_t from = first > start ? first : start, to = first + count < end ? first + count : end;
        take(all, g, from - start, to > from ? to - from : 0, micro_batch);
    }
}
