/* Gradient norm and AdamW against the textbook's form (Loshchilov and Hutter, "Decoupled
 * weight decay regularization", algorithm 2, with torch's order of decay and update), on
 * ref and cpu. */
#include <criterion/criterion.h>
#include <math.h>

#include "kernels/backend.h"

enum { ADAPTERS = 4, PARAMETERS = 7, STEPS = 5 };

typedef struct state {
    double p, m, v;
} state;

static void textbook_step(state *s, double g, double clip, double lr, double decay, int t)
{
    g *= clip;
    s->p -= lr * decay * s->p;
    s->m = 0.9 * s->m + 0.1 * g;
    s->v = 0.999 * s->v + 0.001 * g * g;
    double m_hat = s->m / (1 - pow(0.9, t)), v_hat = s->v / (1 - pow(0.999, t));
    s->p -= lr * m_hat / (sqrt(v_hat) + 1e-8);
}

/* Adapters: plain; clipped with decay; a limit that is not reached; a learning rate of 0
 * (warm-up's first step). */
static void check(ft_backend *backend, double tolerance)
{
    const float rate[ADAPTERS] = {1e-3f, 1e-2f, 1e-3f, 0}, decay[ADAPTERS] = {0, 0.1f, 0.01f, 0.5f};
    const float limit[ADAPTERS] = {0, 0.5f, 100, 1};
    uint32_t step[ADAPTERS] = {0, 0, 0, 0};
    float params[ADAPTERS * PARAMETERS], grads[ADAPTERS * PARAMETERS], zeros[ADAPTERS * PARAMETERS] = {0};
    double norm[ADAPTERS];
    state wanted[ADAPTERS * PARAMETERS] = {0};
    ft_error err;
    ft_tensor like = {NULL, backend->real, ADAPTERS, PARAMETERS, PARAMETERS}, tensors[4];
    for (int i = 0; i < 4; i++) {
        tensors[i] = like;
        tensors[i].data =
            backend->allocate(backend, ADAPTERS * PARAMETERS * ft_dtype_bytes(backend->real), &err);
        cr_assert_not_null(tensors[i].data);
    }
    for (int i = 0; i < ADAPTERS * PARAMETERS; i++)
        wanted[i].p = (double)(params[i] = 0.3f * (float)(i % 5) - 0.5f);
    cr_assert_eq(ft_write_tensor(backend, tensors[0], params, &err), FT_OK);
    cr_assert_eq(ft_write_tensor(backend, tensors[2], zeros, &err), FT_OK);
    cr_assert_eq(ft_write_tensor(backend, tensors[3], zeros, &err), FT_OK);
    for (int t = 1; t <= STEPS; t++) {
        for (int i = 0; i < ADAPTERS * PARAMETERS; i++)
            grads[i] = i % PARAMETERS == 3 ? 0 : sinf((float)(i * t + t)) * 2;
        cr_assert_eq(ft_write_tensor(backend, tensors[1], grads, &err), FT_OK);
        ft_adamw now = {tensors[0], tensors[1], tensors[2], tensors[3], rate, decay, limit, norm, NULL, step};
        backend->gradient_norm(backend, tensors[1], norm);
        backend->adamw(backend, &now);
        cr_assert_eq(ft_read_tensor(backend, tensors[0], params, &err), FT_OK);
        for (int g = 0; g < ADAPTERS; g++) {
            double squares = 0;
            for (int i = 0; i < PARAMETERS; i++)
                squares += (double)grads[g * PARAMETERS + i] * (double)grads[g * PARAMETERS + i];
            cr_expect_float_eq(norm[g], sqrt(squares), 1e-6);
            double clip = limit[g] > 0 ? fmin(1, (double)limit[g] / (sqrt(squares) + 1e-6)) : 1;
            cr_expect_eq(clip < 1, g == 1 || g == 3, "the case is not what it says");
            for (int i = g * PARAMETERS; i < (g + 1) * PARAMETERS; i++) {
                textbook_step(&wanted[i], (double)grads[i], clip, (double)rate[g], (double)decay[g], t);
                cr_expect_float_eq((double)params[i], wanted[i].p, tolerance,
                                   "step %d, adapter %d, parameter %d", t, g, i);
            }
            step[g]++;
        }
    }
    for (int i = 0; i < 4; i++) backend->release(backend, tensors[i].data);
    backend->free(backend);
}

/* What a step queued ahead does: nothing unless all losses before it are finite. */
static void check_gate(ft_backend *backend)
{
    const float rate[2] = {0.1f, 0.1f}, none[2] = {0, 0}, values[4][2] = {{2, 2}, {5, 5}, {3, 3}, {4, 4}};
    const double before[][2] = {{NAN, 1}, {1, INFINITY}, {1, -INFINITY}, {1, 2}};
    const uint32_t step[2] = {0, 0};
    double norm[2] = {2, 2};
    ft_error err;
    for (int i = 0; i < 4; i++) {
        float kept[4][2];
        ft_tensor tensors[4];
        for (int k = 0; k < 4; k++) {
            tensors[k] = (ft_tensor){backend->allocate(backend, 64, &err), backend->real, 2, 1, 1};
            cr_assert_eq(ft_write_tensor(backend, tensors[k], values[k], &err), FT_OK);
        }
        ft_adamw now = {tensors[0], tensors[1], tensors[2], tensors[3], rate,
                        none,       none,       norm,       before[i],  step};
        backend->adamw(backend, &now);
        for (int k = 0; k < 4; k++) {
            cr_assert_eq(ft_read_tensor(backend, tensors[k], kept[k], &err), FT_OK);
            backend->release(backend, tensors[k].data);
        }
        for (int k = 0; k < 4; k++)
            for (int g = 0; g < 2; g++)
                cr_expect_eq(kept[k][g] == values[k][g], i < 3 || k == 1, "losses %d, tensor %d", i, k);
    }
    backend->free(backend);
}

Test(optimizer, a_step_after_a_loss_that_is_not_finite_changes_nothing)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    check_gate(backend);
    cr_assert_eq(ft_cpu_create(FT_F32, 1, &backend, &err), FT_OK, "%s", err.message);
    check_gate(backend);
}

Test(optimizer, adamw_is_the_textbooks_on_ref)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    check(backend, 1e-7); /* params are read as f32 */
    cr_assert_eq(ft_ref_create(FT_F32, &backend, &err), FT_OK, "%s", err.message);
    check(backend, 1e-6);
}

Test(optimizer, adamw_is_the_textbooks_on_cpu)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_cpu_create(FT_F32, 1, &backend, &err), FT_OK, "%s", err.message);
    check(backend, 1e-6);
}
