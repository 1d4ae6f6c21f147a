/* Gradient norm and AdamW over all parameters of all adapters in one launch: they are the
 * rows of (n_adapters, n_params) tensors.
 *
 * gradient_norm overwrites norm[g] with sqrt(sum of squares of row g), in double. adamw
 * updates params, m and v; it reads each adapter's learning rate, weight decay, clipping
 * and step from device memory.
 *
 * Design: four parameters a thread, in 16-byte loads and stores. The norm's blocks, whose
 * number depends only on the shape, write partial sums to scratch memory; one more block
 * a row adds them in order.
 *
 * Floor, bytes: the norm 4 a parameter, AdamW 16 read (param, gradient, m, v) + 12
 * written. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

/* ALL_PARTS blocks, over all adapters' norms, fill a GPU's multiprocessors several
 * times. */
enum { THREADS = 256, ELEMENTS = 4, ALL_PARTS = 1024, LEAST_PARTS = 16 };

/* One-dimensional grid: (parts of a row, rows). */
__global__ void __launch_bounds__(THREADS, 4) norm_parts_kernel(ft_tensor grads, int n_parts, double *parts)
{
    FT_SHARED(double, warps, [THREADS / FT_WARP]);
    unsigned row = blockIdx.x;
    int part = ft_take_index(&row, n_parts);
    int64_t step = (int64_t)n_parts * THREADS * ELEMENTS;
    bool fours = ft_in_fours(grads);
    double sum = 0;
#pragma unroll 4
    for (int64_t i = ((int64_t)part * THREADS + threadIdx.x) * ELEMENTS; i < grads.cols; i += step) {
        float v[ELEMENTS];
        ft_load4(grads, fours, row, (int)i, v);
        for (int e = 0; e < ELEMENTS; e++) sum += (double)v[e] * (double)v[e];
    }
    sum = ft_block_sum<THREADS>(sum, warps);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(FT_WARP) norm_total_kernel(const double *parts, int n_parts, double *norm)
{
    double sum = 0;
    for (int i = threadIdx.x; i < n_parts; i += FT_WARP) sum += parts[(int64_t)blockIdx.x * n_parts + i];
    sum = ft_warp_sum(sum);
    if (threadIdx.x == 0) norm[blockIdx.x] = sqrt(sum);
}

/* 1 - beta^t, without the cancellation that a power near 1 would cause. */
__device__ __forceinline__ float one_minus_power(double log_beta, uint32_t t)
{
    return -expm1f((float)(log_beta * (double)t));
}

/* Whether one of the values is NaN or infinite; for the whole block. */
__device__ __forceinline__ bool any_is_not_finite(const double *values, int64_t count)
{
    bool found = false;
    for (int64_t i = threadIdx.x; i < count; i += THREADS)
        found = found || !(fabs(values[i]) < (double)INFINITY); /* also NaN */
    return __syncthreads_or(found);
}

/* One-dimensional grid: (blocks of a row, rows). */
__global__ void __launch_bounds__(THREADS, 4) adamw_kernel(ft_adamw step)
{
    if (step.loss_before && any_is_not_finite(step.loss_before, step.params.rows)) return;
    const double log_beta1 = -0.10536051565782628, log_beta2 = -0.0010005003335835335;
    unsigned g = blockIdx.x;
    int64_t block = ft_take_index(&g, ft_cuda_ceil(step.params.cols, THREADS * ELEMENTS));
    int64_t first = (block * THREADS + threadIdx.x) * ELEMENTS;
    bool p_fours = ft_in_fours(step.params), m_fours = ft_in_fours(step.m), v_fours = ft_in_fours(step.v);
    float p[ELEMENTS], gradient[ELEMENTS], m[ELEMENTS], v[ELEMENTS];
    ft_load4(step.params, p_fours, g, (int)first, p);
    ft_load4(step.grads, ft_in_fours(step.grads), g, (int)first, gradient);
    ft_load4(step.m, m_fours, g, (int)first, m);
    ft_load4(step.v, v_fours, g, (int)first, v);

    float rate = step.learning_rate[g], limit = step.max_grad_norm[g], clip = 1;
    if (limit > 0) clip = fminf(1, (float)((double)limit / (step.grad_norm[g] + 1e-6)));
    float decay = (float)(1 - (double)rate * (double)step.weight_decay[g]);
    float step_size = rate / one_minus_power(log_beta1, step.step[g] + 1);
    float v_scale = sqrtf(one_minus_power(log_beta2, step.step[g] + 1));
    for (int i = 0; i < ELEMENTS; i++) {
        float clipped = gradient[i] * clip;
        m[i] = 0.9f * m[i] + 0.1f * clipped;
        v[i] = 0.999f * v[i] + 0.001f * clipped * clipped;
        p[i] = p[i] * decay - step_size * m[i] / (sqrtf(v[i]) / v_scale + 1e-8f);
    }
    ft_store4(step.params, p_fours, g, (int)first, p);
    ft_store4(step.m, m_fours, g, (int)first, m);
    ft_store4(step.v, v_fours, g, (int)first, v);
}

static void gradient_norm(ft_backend *self, ft_tensor grads, double *norm)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (grads.rows == 0 || !ft_cuda_enter(cuda)) return;
    int64_t needed = max(ft_cuda_ceil(grads.cols, THREADS * ELEMENTS), (int64_t)1);
    int n_parts = (int)min(needed, max(ALL_PARTS / grads.rows, (int64_t)LEAST_PARTS));
    double *parts = (double *)ft_cuda_scratch(cuda, FT_CUDA_NORM_PARTS,
                                              (size_t)grads.rows * (size_t)n_parts * sizeof *parts);
    if (!parts) return;
    CUDA_LAUNCH(cuda, norm_parts_kernel, grads.rows * n_parts, THREADS, 0, grads, n_parts, parts);
    CUDA_LAUNCH(cuda, norm_total_kernel, grads.rows, FT_WARP, 0, parts, n_parts, norm);
}

static void adamw(ft_backend *self, const ft_adamw *step)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (step->params.rows == 0 || step->params.cols == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, adamw_kernel, ft_cuda_ceil(step->params.cols, THREADS * ELEMENTS) * step->params.rows,
                THREADS, 0, *step);
}

void ft_cuda_optimizer_operations(ft_backend *base)
{
    base->gradient_norm = gradient_norm;
    base->adamw = adamw;
}
