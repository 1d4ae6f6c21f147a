/* The softmax of one row, which attention, loss and sampling share. */
#include <math.h>

#include "kernels/ref/ref.h"

double ft_ref_softmax(double *values, int64_t count)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        if (values[i] > largest || isnan(values[i])) largest = values[i];
    for (int64_t i = 0; i < count; i++) {
        values[i] = values[i] == -INFINITY ? 0 : exp(values[i] - largest);
        sum += values[i];
    }
    for (int64_t i = 0; i < count && sum != 0; i++) values[i] /= sum;
    return largest + log(sum);
}
