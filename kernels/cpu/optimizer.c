/* AdamW and the norm of gradients, over many adapters. */
#include <math.h>

#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

/* Parameters in one piece of work; sums are taken piece by piece, so that they do not
 * depend on the threads. */
enum { PIECE = 16384 };

static double sum_of_squares(const float *values, int64_t count)
{
    double lanes[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int lane = 0; lane < 8; lane++)
            lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
    for (; i < count; i++) lanes[0] += (double)values[i] * (double)values[i];
    double sum = 0;
    for (int lane = 0; lane < 8; lane++) sum += lanes[lane];
    return sum;
}

static void gradient_norm(ft_backend *self, ft_tensor grads, double *norm)
{
    const int64_t pieces = ft_padded(grads.cols, PIECE) / PIECE;
    double *sums = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                  (size_t)(grads.rows * pieces + 1) * sizeof(double));
    if (!sums) return;
#pragma omp parallel for schedule(static) num_threads(self->n_threads)
    for (int64_t task = 0; task < grads.rows * pieces; task++) {
        const int64_t first = task % pieces * PIECE, left = grads.cols - first;
        sums[task] = sum_of_squares((const float *)ft_row_address(grads, task / pieces) + first,
                                    left < PIECE ? left : PIECE);
    }
    for (int64_t g = 0; g < grads.rows; g++) {
        double sum = 0;
        for (int64_t i = 0; i < pieces; i++) sum += sums[g * pieces + i];
        norm[g] = sqrt(sum);
    }
}

static bool all_finite(const double *values, int64_t count)
{
    bool finite = true;
    for (int64_t g = 0; g < count; g++) finite = finite && isfinite(values[g]);
    return finite;
}

static void adamw(ft_backend *self, const ft_adamw *step)
{
    if (step->loss_before && !all_finite(step->loss_before, step->params.rows)) return;
    const double beta1 = 0.9, beta2 = 0.999;
    const int64_t pieces = ft_padded(step->params.cols, PIECE) / PIECE;
#pragma omp parallel for schedule(static) num_threads(self->n_threads)
    for (int64_t task = 0; task < step->params.rows * pieces; task++) {
        const int64_t g = task / pieces, first = task % pieces * PIECE, left = step->params.cols - first;
        const int64_t count = left < PIECE ? left : PIECE;
        float *restrict p = (float *)ft_row_address(step->params, g) + first, *restrict m =
                                                                                  (float *)ft_row_address(
                                                                                      step->m, g) +
                                                                                  first;
        float *restrict v = (float *)ft_row_address(step->v, g) + first;
        const float *restrict gradient = (const float *)ft_row_address(step->grads, g) + first;
        const double t = (double)step->step[g] + 1.0, rate = step->learning_rate[g];
        double clip = 1.0;
        if (step->max_grad_norm[g] > 0)
            clip = fmin(1.0, (double)step->max_grad_norm[g] / (step->grad_norm[g] + 1e-6));
        const float scale = (float)clip, keep = (float)(1.0 - rate * (double)step->weight_decay[g]);
        const float size = (float)(rate / (1.0 - pow(beta1, t))),
                    root = (float)(1.0 / sqrt(1.0 - pow(beta2, t)));
        for (int64_t i = 0; i < count; i++) {
            const float now = gradient[i] * scale;
            m[i] = (float)beta1 * m[i] + (float)(1.0 - beta1) * now;
            v[i] = (float)beta2 * v[i] + (float)(1.0 - beta2) * now * now;
            p[i] = p[i] * keep - size * m[i] / (sqrtf(v[i]) * root + 1e-8f);
        }
    }
}

void FT_FOR_ISA(ft_cpu_optimizer_operations)(ft_backend *backend)
{
    backend->gradient_norm = gradient_norm;
    backend->adamw = adamw;
}
