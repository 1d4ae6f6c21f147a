/* The part of a step's sequences that one of several ranks works on. Each adapter's sequences are divided as
 * evenly as they can be, and what is left over goes to other ranks for other adapters. */
#ifndef FT_MODEL_SHARE_H
#define FT_MODEL_SHARE_H

#include "model/pass.h"

/* As many sequences as a share can have: of n_sequences sequences of n_adapters adapters, over `size` ranks.
 */
int32_t ft_share_sequences(int32_t n_sequences, int32_t n_adapters, int32_t size);

/* Fills `share` with what rank `rank` of `size` does of `all`: the same arrays per adapter, some of the
 * sequences, and the whole step's counts of labels. Nothing is lost and nothing is done twice. */
void ft_inputs_share(const ft_inputs *all, int32_t rank, int32_t size, ft_inputs *share);

#endif
