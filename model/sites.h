/* Where dropout acts: each place of the model has its own number, so that no two share
 * their random numbers. */
#ifndef FT_MODEL_SITES_H
#define FT_MODEL_SITES_H

#include <stdint.h>

#include "model/weights.h"

typedef enum ft_place {
    FT_PLACE_SELF_PROBABILITIES,
    FT_PLACE_SELF_OUT,
    FT_PLACE_CROSS_PROBABILITIES,
    FT_PLACE_CROSS_OUT,
    FT_PLACE_FF_INNER,
    FT_PLACE_FF_OUT,
    FT_PLACE_LORA, /* + the module: the input of its A */
} ft_place;

/* Of a block; never 0, which means no dropout. */
static inline uint32_t ft_site(ft_stack stack, int32_t block, ft_place place)
{
    return ((uint32_t)(block + 1) * 2u + (uint32_t)stack) * 32u + (uint32_t)place;
}
static inline uint32_t ft_lora_site(ft_stack stack, int32_t block, ft_module module)
{
    return ft_site(stack, block, FT_PLACE_LORA) + (uint32_t)module;
}
/* Of a stack, outside of its blocks. */
static inline uint32_t ft_embedding_site(ft_stack stack)
{
    return 1u + (uint32_t)stack;
}
static inline uint32_t ft_final_site(ft_stack stack)
{
    return 3u + (uint32_t)stack;
}

#endif
