/* Draws one artificial series: a family, then its scale. */
#include "model/synthetic/synthetic.h"

#include <math.h>

#include "model/synthetic/dice.h"

enum { WORK = 4 }; /* rows of scratch memory */

size_t ft_synthetic_scratch(int32_t length)
{
    return sizeof(float) * WORK * (size_t)length;
}

void ft_synthetic_draw(uint32_t seed, uint64_t index, int32_t length, float *values, void *scratch)
{
    static const int32_t periods[] = {4, 7, 12, 24, 52};
    ft_dice dice = ft_dice_of(seed, index, 0);
    float *noise = scratch;
    ft_dice_normals(&dice, noise, length);
    if (ft_dice_chance(&dice, 0.3f)) {
        float sum = ft_dice_between(&dice, -50.0f, 50.0f);
        for (int32_t t = 0; t < length; t++) values[t] = sum += noise[t];
    } else {
        int32_t period = periods[ft_dice_below(&dice, 5)];
        float slope = ft_dice_normal(&dice) * 4.0f / (float)length, level = 2.0f * ft_dice_normal(&dice);
        float spread = ft_dice_log_between(&dice, 0.02f, 1.0f), profile[52];
        ft_dice_normals(&dice, profile, period);
        for (int32_t t = 0; t < length; t++)
            values[t] = level + slope * (float)t + profile[t % period] + spread * noise[t];
    }
    float scale = ft_dice_log_between(&dice, 1e-2f, 1e4f);
    for (int32_t t = 0; t < length; t++) values[t] *= scale;
}
