/* Counter-based random numbers: Philox 4x32 (Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", SC'11) with 10 rounds. Dropout draws more numbers than everything
 * else together and uses 7.
 *
 * A number depends only on its key and counter. So every backend draws the same mask, in
 * any adapter batch and at any padding, and the backward pass draws it again instead of
 * storing it. */
#ifndef FT_BASE_PHILOX_H
#define FT_BASE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define FT_HOST_DEVICE __host__ __device__
#else
#define FT_HOST_DEVICE
#endif

typedef struct ft_philox_block {
    uint32_t word[4];
} ft_philox_block;

typedef struct ft_philox_key {
    uint32_t word[2];
} ft_philox_key;

FT_HOST_DEVICE static inline ft_philox_block ft_philox_rounds(int rounds, ft_philox_key key, uint32_t c0,
                                                              uint32_t c1, uint32_t c2, uint32_t c3)
{
#ifdef __CUDA_ARCH__
#pragma unroll 16 /* every round, where their number is a constant */
#endif
    for (int round = 0; round < rounds; round++) {
        uint32_t k0 = key.word[0] + (uint32_t)round * 0x9E3779B9u;
        uint32_t k1 = key.word[1] + (uint32_t)round * 0xBB67AE85u;
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
    }
    ft_philox_block out = {{c0, c1, c2, c3}};
    return out;
}

FT_HOST_DEVICE static inline ft_philox_block ft_philox(ft_philox_key key, uint32_t c0, uint32_t c1,
                                                       uint32_t c2, uint32_t c3)
{
    return ft_philox_rounds(10, key, c0, c1, c2, c3);
}

/* The key of one use: `seed` of the adapter, its `step` (optimizer steps already taken),
 * and the `site` in the model. */
FT_HOST_DEVICE static inline ft_philox_key ft_philox_key_of(uint32_t seed, uint32_t step, uint32_t site)
{
    ft_philox_key plain = {{seed, 0x66746770u}}; /* "ftgp" */
    ft_philox_block mixed = ft_philox(plain, step, site, 0, 0);
    ft_philox_key key = {{mixed.word[0], mixed.word[1]}};
    return key;
}

/* -- dropout --
 *
 * A number of dropout has 16 bits, eight to a block of 7 rounds, the fewest that pass
 * every test of BigCrush (table 2 of the paper). Features come in groups of 64, which are
 * 8 blocks side by side: feature 16 w + 2 c + half of a group takes half `half` (0: the
 * lower) of word w of block c. So the words of neighbouring blocks, cut in two, are the
 * numbers of neighbouring features: vector units of 4, 8 or 16 lanes fill whole registers
 * without a transposition, and a lane of a GPU's matrix unit has two blocks to itself. */
enum { FT_DROPOUT_ROUNDS = 7, FT_DROPOUT_GROUP = 64, FT_DROPOUT_BLOCKS = 8 };

/* The block of feature `feature`, its first counter, and where in the block the feature's
 * number is. */
FT_HOST_DEVICE static inline uint32_t ft_philox_column(uint32_t feature)
{
    return feature / FT_DROPOUT_GROUP * FT_DROPOUT_BLOCKS + feature / 2 % FT_DROPOUT_BLOCKS;
}
FT_HOST_DEVICE static inline uint32_t ft_philox_word(uint32_t feature)
{
    return feature % FT_DROPOUT_GROUP / 16;
}
FT_HOST_DEVICE static inline uint32_t ft_philox_half(uint32_t feature)
{
    return feature % 2;
}

/* The block with the number of (feature, position counted from the last, sequence number
 * in the adapter's step, head). */
FT_HOST_DEVICE static inline ft_philox_block
ft_philox_block_at(ft_philox_key key, uint32_t feature, uint32_t position, uint32_t sequence, uint32_t head)
{
    return ft_philox_rounds(FT_DROPOUT_ROUNDS, key, ft_philox_column(feature), position, sequence, head);
}

/* The number itself, below 2^16. */
FT_HOST_DEVICE static inline uint32_t ft_philox_at(ft_philox_key key, uint32_t feature, uint32_t position,
                                                   uint32_t sequence, uint32_t head)
{
    ft_philox_block block = ft_philox_block_at(key, feature, position, sequence, head);
    return block.word[ft_philox_word(feature)] >> 16 * ft_philox_half(feature) & 0xffffu;
}

/* An element is dropped when its number is below this threshold: the probability, in [0,
 * 1), as the nearest 65536th, but never 1. */
FT_HOST_DEVICE static inline uint32_t ft_dropout_threshold(float probability)
{
    uint32_t nearest = (uint32_t)((double)probability * 65536.0 + 0.5);
    return nearest < 65535u ? nearest : 65535u;
}

/* What kept elements are multiplied by: 1 / (1 - p) for the p that the threshold
 * stands for, not the one asked for, so that an element's expected value stays the
 * same. */
FT_HOST_DEVICE static inline float ft_dropout_scale(float probability)
{
    return 65536.0f / (float)(65536u - ft_dropout_threshold(probability));
}

/* A float in [0, 1) with 24 random bits. */
FT_HOST_DEVICE static inline float ft_philox_uniform(uint32_t number)
{
    return (float)(number >> 8) * (1.0f / 16777216.0f);
}

#endif
