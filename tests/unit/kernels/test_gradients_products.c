/* Backward operations of matrix products against finite differences: frozen and trained
 * weights, LoRA. */
#include <string.h>

#include "tests/unit/kernels/finite_difference.h"

enum {
    LENGTH = 3,
    ROWS = FD_SEQUENCES * LENGTH,
    IN = 4,
    OUT = 5,
    RANK = 8,
    STRIDE = 9,
    ADAPTER = RANK * (IN + OUT) + 3
};

typedef struct scene {
    ft_backend *backend;
    const ft_adapter_batch *batch;
    ft_weight *weight;
    double w[OUT * IN];
    double x[ROWS * STRIDE], y[ROWS * STRIDE], u[ROWS * RANK];
    double start[ROWS * STRIDE],
        factor[ROWS * STRIDE]; /* y starts as `start`; the loss is y times `factor` */
    double parameters[FD_ADAPTERS * ADAPTER], gradients[FD_ADAPTERS * ADAPTER];
} scene;

static void fill(scene *s, const ft_adapter_batch *batch)
{
    ft_error err;
    float zeros[OUT * IN] = {0};
    memset(s, 0, sizeof *s);
    s->backend = fd_backend();
    s->batch = batch;
    cr_assert_eq(s->backend->prepare_weight(s->backend, zeros, OUT, IN, true, &s->weight, &err), FT_OK);
    fd_fill(s->w, OUT * IN, 1);
    fd_fill(s->x, ROWS * STRIDE, 2);
    fd_fill(s->start, ROWS * STRIDE, 3);
    fd_fill(s->factor, ROWS * STRIDE, 4);
    fd_fill(s->parameters, FD_ADAPTERS * ADAPTER, 5);
    for (int row = 0; row < ROWS; row++)
        for (int i = OUT; i < STRIDE; i++) s->factor[row * STRIDE + i] = 0;
}

static void tidy(scene *s)
{
    s->backend->free_weight(s->backend, s->weight);
    s->backend->free(s->backend);
}

static ft_tensor strided(double *values, int64_t cols)
{
    return fd_tensor(values, ROWS, cols, STRIDE);
}

static double linear_loss(void *context)
{
    scene *s = context;
    memcpy(s->y, s->start, sizeof s->y);
    s->backend->update_weight(s->backend, s->weight, fd_tensor(s->w, OUT, IN, IN));
    s->backend->linear_forward(s->backend, s->weight, strided(s->x, IN), strided(s->y, OUT), true);
    return fd_dot(s->y, s->factor, ROWS * STRIDE);
}

Test(gradients, linear)
{
    scene s;
    double dx[ROWS * STRIDE], more[ROWS * STRIDE], dw[OUT * IN];
    fill(&s, &fd_keeping);
    linear_loss(&s);
    for (int i = 0; i < OUT * IN; i++) dw[i] = 50; /* added to */
    for (int i = 0; i < ROWS * STRIDE; i++) dx[i] = more[i] = 3;
    s.backend->linear_backward(s.backend, s.weight, strided(s.factor, OUT), strided(dx, IN), false);
    s.backend->linear_backward(s.backend, s.weight, strided(s.factor, OUT), strided(more, IN), true);
    s.backend->weight_gradient(s.backend, strided(s.factor, OUT), strided(s.x, IN),
                               fd_tensor(dw, OUT, IN, IN));
    for (int i = 0; i < OUT * IN; i++) dw[i] -= 50;
    fd_expect("dw", linear_loss, &s, s.w, dw, OUT * IN);
    for (int row = 0; row < ROWS; row++) {
        fd_expect("dx", linear_loss, &s, s.x + row * STRIDE, dx + row * STRIDE, IN);
        for (int i = 0; i < STRIDE; i++) {
            double grown = i < IN ? 3 + dx[row * STRIDE + i] : 3;
            cr_expect_float_eq(more[row * STRIDE + i], grown, 1e-14);
        }
    }
    tidy(&s);
}

/* Not accumulating overwrites, whatever was there. */
Test(gradients, linear_overwrites)
{
    scene s;
    double plain[ROWS * STRIDE];
    fill(&s, &fd_keeping);
    for (int i = 0; i < ROWS * STRIDE; i++) plain[i] = NAN;
    linear_loss(&s);
    s.backend->linear_forward(s.backend, s.weight, strided(s.x, IN), strided(plain, OUT), false);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < OUT; i++)
            cr_expect_float_eq(plain[row * STRIDE + i], s.y[row * STRIDE + i] - s.start[row * STRIDE + i],
                               1e-14);
    tidy(&s);
}

static ft_lora make_lora(scene *s)
{
    return (ft_lora){.n_targets = 1,
                     .rank = RANK,
                     .in_features = IN,
                     .out_features = OUT,
                     .adapter_stride = ADAPTER,
                     .target = {{.a = s->parameters,
                                 .b = s->parameters + RANK * IN,
                                 .da = s->gradients,
                                 .db = s->gradients + RANK * IN,
                                 .dropout_site = 12}}};
}

static double lora_loss(void *context)
{
    scene *s = context;
    ft_lora lora = make_lora(s);
    memcpy(s->y, s->start, sizeof s->y);
    s->backend->lora_forward(s->backend, s->batch, LENGTH, &lora, strided(s->x, IN), strided(s->y, OUT),
                             fd_tensor(s->u, ROWS, RANK, RANK));
    return fd_dot(s->y, s->factor, ROWS * STRIDE);
}

static void check_lora(const ft_adapter_batch *batch)
{
    scene s;
    double dx[ROWS * STRIDE], du[ROWS * RANK];
    fill(&s, batch);
    ft_lora lora = make_lora(&s);
    lora_loss(&s);
    memcpy(dx, s.start, sizeof dx); /* added to */
    for (int i = 0; i < FD_ADAPTERS * ADAPTER; i++) s.gradients[i] = 20;
    s.backend->lora_backward(s.backend, batch, LENGTH, &lora, strided(s.x, IN),
                             fd_tensor(s.u, ROWS, RANK, RANK), strided(s.factor, OUT), strided(dx, IN),
                             fd_tensor(du, ROWS, RANK, RANK));
    for (int i = 0; i < FD_ADAPTERS * ADAPTER; i++) s.gradients[i] -= 20;
    fd_expect("da, db", lora_loss, &s, s.parameters, s.gradients, FD_ADAPTERS * ADAPTER);
    for (int i = 0; i < ROWS * STRIDE; i++) dx[i] -= s.start[i];
    /* 0 in the gaps between rows */
    fd_expect("dx", lora_loss, &s, s.x, dx, ROWS * STRIDE);

    /* Without dx the gradients of A and B are the same. */
    double kept[FD_ADAPTERS * ADAPTER];
    ft_tensor absent = {0};
    memcpy(kept, s.gradients, sizeof kept);
    memset(s.gradients, 0, sizeof s.gradients);
    s.backend->lora_backward(s.backend, batch, LENGTH, &lora, strided(s.x, IN),
                             fd_tensor(s.u, ROWS, RANK, RANK), strided(s.factor, OUT), absent,
                             fd_tensor(du, ROWS, RANK, RANK));
    for (int i = 0; i < FD_ADAPTERS * ADAPTER; i++) cr_expect_float_eq(s.gradients[i], kept[i], 1e-12);
    tidy(&s);
}

Test(gradients, lora)
{
    check_lora(&fd_keeping);
}
Test(gradients, lora_with_dropout)
{
    check_lora(&fd_dropping);
}

/* u is lora_scale * A x, and a rank of zeros changes nothing. */
Test(gradients, lora_zero_ranks_are_nothing)
{
    scene s, padded;
    fill(&s, &fd_keeping);
    for (int g = 0; g < FD_ADAPTERS; g++)
        for (int r = 4; r < RANK; r++) {
            for (int i = 0; i < IN; i++) s.parameters[g * ADAPTER + r * IN + i] = 0;
            for (int o = 0; o < OUT; o++) s.parameters[g * ADAPTER + RANK * IN + o * RANK + r] = 0;
        }
    padded = s;
    lora_loss(&s);
    ft_lora narrow = make_lora(&padded);
    double b[FD_ADAPTERS * ADAPTER] = {0};
    for (int g = 0; g < FD_ADAPTERS; g++)
        for (int o = 0; o < OUT; o++)
            for (int r = 0; r < 4; r++)
                b[g * ADAPTER + o * 4 + r] = padded.parameters[g * ADAPTER + RANK * IN + o * RANK + r];
    narrow.rank = 4;
    narrow.target[0].b = b;
    memcpy(padded.y, padded.start, sizeof padded.y);
    padded.backend->lora_forward(padded.backend, padded.batch, LENGTH, &narrow, strided(padded.x, IN),
                                 strided(padded.y, OUT), fd_tensor(padded.u, ROWS, 4, 4));
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < OUT; i++)
            cr_expect_float_eq(s.y[row * STRIDE + i], padded.y[row * STRIDE + i], 1e-13);
        double u = (double)fd_lora_scale[fd_adapter_of[row / LENGTH]] *
                   fd_dot(s.parameters + fd_adapter_of[row / LENGTH] * ADAPTER, s.x + row * STRIDE, IN);
        cr_expect_float_eq(s.u[row * RANK], u, 1e-13);
    }
    tidy(&s);
}
