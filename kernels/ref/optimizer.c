/* Gradient norm and AdamW, adapter by adapter, with torch.optim.AdamW's order of
 * operations. */
#include <math.h>

#include "kernels/ref/ref.h"

static void gradient_norm(ft_backend *self, ft_tensor grads, double *norm)
{
    (void)self;
    for (int64_t g = 0; g < grads.rows; g++) {
        double sum = 0;
        for (int64_t i = 0; i < grads.cols; i++) {
            double value = ft_ref_load(grads.data, grads.dtype, g * grads.stride + i);
            sum += value * value;
        }
        norm[g] = sqrt(sum);
    }
}

static bool all_finite(const double *values, int64_t count)
{
    for (int64_t g = 0; g < count; g++)
        if (!isfinite(values[g])) return false;
    return true;
}

static void adamw(ft_backend *self, const ft_adamw *step)
{
    (void)self;
    if (step->loss_before && !all_finite(step->loss_before, step->params.rows)) return;
    const double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    ft_tensor p = step->params, grads = step->grads, m = step->m, v = step->v;
    for (int64_t g = 0; g < p.rows; g++) {
        double clip = 1, lr = (double)step->learning_rate[g], t = (double)step->step[g] + 1;
        if (step->max_grad_norm[g] > 0)
            clip = fmin(1, (double)step->max_grad_norm[g] / (step->grad_norm[g] + 1e-6));
        double decay = 1 - lr * (double)step->weight_decay[g];
        double step_size = lr / (1 - pow(beta1, t)), v_scale = sqrt(1 - pow(beta2, t));
        for (int64_t i = 0; i < p.cols; i++) {
            double gradient = clip * ft_ref_load(grads.data, grads.dtype, g * grads.stride + i);
            double m_new = beta1 * ft_ref_load(m.data, m.dtype, g * m.stride + i) + (1 - beta1) * gradient;
            double v_new =
                beta2 * ft_ref_load(v.data, v.dtype, g * v.stride + i) + (1 - beta2) * gradient * gradient;
            double value = decay * ft_ref_load(p.data, p.dtype, g * p.stride + i);
            value -= step_size * m_new / (sqrt(v_new) / v_scale + eps);
            ft_ref_store(m.data, m.dtype, g * m.stride + i, m_new);
            ft_ref_store(v.data, v.dtype, g * v.stride + i, v_new);
            ft_ref_store(p.data, p.dtype, g * p.stride + i, value);
        }
    }
}

void ft_ref_optimizer_operations(ft_backend *backend)
{
    backend->gradient_norm = gradient_norm;
    backend->adamw = adamw;
}
