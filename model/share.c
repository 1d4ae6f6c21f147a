/* The part of a step's sequences that one of several ranks works on; see share.h. */
#include "model/share.h"

#include <string.h>

int32_t ft_share_sequences(int32_t n_sequences, int32_t n_adapters, int32_t size)
{
    int64_t most = ((int64_t)n_sequences + (int64_t)n_adapters * (size - 1)) / size;
    return most < n_sequences ? (int32_t)most : n_sequences;
}

/* Copies rows [from, from + count) of a (rows, row_bytes) array to row `to`. */
static void copy_rows(void *target, int32_t to, const void *source, int32_t from, int32_t count,
                      size_t row_bytes)
{
    memcpy((char *)target + (size_t)to * row_bytes, (const char *)source + (size_t)from * row_bytes,
           (size_t)count * row_bytes);
}

static int64_t count_labels(const ft_inputs *in, int32_t first, int32_t end)
{
    int64_t counted = 0;
    for (int64_t i = (int64_t)first * in->decoder_length; i < (int64_t)end * in->decoder_length; i++)
        counted += in->labels[i] != -100;
    return counted;
}

void ft_inputs_share(const ft_inputs *all, int32_t rank, int32_t size, ft_inputs *share)
{
    size_t encoder = (size_t)all->encoder_length, decoder = (size_t)all->decoder_length;
    int32_t taken = 0;
    for (int32_t g = 0; g < all->n_adapters; g++) {
        int32_t start = all->sequence_start[g], end = all->sequence_start[g + 1];
        int64_t turn = (rank + g) % size, n = end - start;
        int32_t first = (int32_t)(n * turn / size), count = (int32_t)(n * (turn + 1) / size) - first;
        copy_rows(share->encoder_ids, taken, all->encoder_ids, start + first, count,
                  encoder * sizeof(int32_t));
        copy_rows(share->key_mask, taken, all->key_mask, start + first, count, encoder);
        copy_rows(share->labels, taken, all->labels, start + first, count, decoder * sizeof(int32_t));
        share->sequence_start[g] = taken;
        share->sequence_offset[g] = first;
        share->n_counted[g] = count_labels(all, start, end);
        share->seed[g] = all->seed[g];
        share->step[g] = all->step[g];
        share->model_dropout[g] = all->model_dropout[g];
        share->lora_dropout[g] = all->lora_dropout[g];
        share->lora_scale[g] = all->lora_scale[g];
        taken += count;
    }
    share->sequence_start[all->n_adapters] = taken;
    share->n_sequences = taken;
    share->encoder_length = all->encoder_length;
    share->decoder_length = all->decoder_length;
    share->dropout = all->dropout;
    share->is_share = true;
}
