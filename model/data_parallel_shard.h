/* Some of a step's sequences: those that one of several ranks works on, and those that go
 * through the model in one of several passes. Either way each adapter's sequences are
 * divided as evenly as they can be. */
#ifndef FT_MODEL_DATA_PARALLEL_SHARD_H
#define FT_MODEL_DATA_PARALLEL_SHARD_H

#include "model/pass.h"

/* As many sequences as a shard can have: of n_sequences sequences of n_adapters adapters,
 * over `size` ranks. */
int32_t ft_shard_sequences(int32_t n_sequences, int32_t n_adapters, int32_t size);

/* Fills `shard` with what rank `rank` of `size` does of `all`: the same arrays per
 * adapter, some of the sequences, and the whole step's counts of labels. Nothing is lost
 * and nothing is done twice. What is left over of an adapter goes to other ranks than
 * what is left over of the next. */
void ft_inputs_shard(const ft_inputs *all, int32_t rank, int32_t size, ft_inputs *shard);

/* A step that is cut into passes of about `rows` rows of the encoder. encoder_length: the
 * longest of any step. As many sequences as a pass can have, and as many passes as a step
 * of `all` takes. */
int32_t ft_micro_batch_sequences(int32_t n_sequences, int32_t n_adapters, int32_t encoder_length,
                                 int64_t rows);
int32_t ft_micro_batch_count(const ft_inputs *all, int32_t encoder_length, int64_t rows);

/* Fills `micro_batch` with the sequences of pass `index` of `count`, as ft_inputs_shard
 * does, and cuts off padding that they have in common: where sequences are sorted by
 * length, little is left. */
void ft_inputs_micro_batch(const ft_inputs *all, int32_t index, int32_t count, ft_inputs *micro_batch);

/* The same with sequences [first, first + count), whosever they are. */
void ft_inputs_range(const ft_inputs *all, int32_t first, int32_t count, ft_inputs *micro_batch);

#endif
