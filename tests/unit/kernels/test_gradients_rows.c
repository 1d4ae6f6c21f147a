/* Backward operations that take rows by themselves, against finite differences:
 * embedding, residual add with norm, relu, cross entropy. With dropout too: the masks are
 * the same in every call. */
#include <string.h>

#include "tests/unit/kernels/finite_difference.h"

enum { LENGTH = 4, ROWS = FD_SEQUENCES * LENGTH, D = 5, STRIDE = 7, VOCABULARY = 6 };

typedef struct scene {
    ft_backend *backend;
    const ft_adapter_batch *batch;
    int64_t weight_stride;
    double x[ROWS * STRIDE], y[ROWS * STRIDE], x_out[ROWS * STRIDE], h[ROWS * STRIDE], rstd[ROWS];
    /* the loss is their product with x_out and h */
    double x_factor[ROWS * STRIDE], h_factor[ROWS * STRIDE];
    double weight[FD_ADAPTERS * D];
    double table[VOCABULARY * D];
    int32_t ids[ROWS];
    float label_scale[FD_ADAPTERS];
} scene;

static void fill(scene *s, ft_backend *backend, const ft_adapter_batch *batch)
{
    memset(s, 0, sizeof *s);
    s->backend = backend;
    s->batch = batch;
    fd_fill(s->x, ROWS * STRIDE, 1);
    fd_fill(s->y, ROWS * STRIDE, 2);
    fd_fill(s->x_factor, ROWS * STRIDE, 3);
    fd_fill(s->h_factor, ROWS * STRIDE, 4);
    fd_fill(s->weight, FD_ADAPTERS * D, 5);
    fd_fill(s->table, VOCABULARY * D, 6);
    for (int row = 0; row < ROWS; row++) {
        s->ids[row] = row * 5 % VOCABULARY;
        for (int i = D; i < STRIDE; i++) s->x_factor[row * STRIDE + i] = s->h_factor[row * STRIDE + i] = 0;
    }
}

static ft_tensor rows(double *values)
{
    return fd_tensor(values, ROWS, D, STRIDE);
}

/* -- embedding -- */

static double embedding_loss(void *context)
{
    scene *s = context;
    memset(s->h, 0, sizeof s->h);
    s->backend->embedding_forward(s->backend, s->batch, LENGTH, fd_tensor(s->table, VOCABULARY, D, D), s->ids,
                                  3, rows(s->h));
    return fd_dot(s->h, s->h_factor, ROWS * STRIDE);
}

static void check_embedding(const ft_adapter_batch *batch)
{
    scene s;
    double dtable[VOCABULARY * D];
    fill(&s, fd_backend(), batch);
    for (int i = 0; i < VOCABULARY * D; i++) dtable[i] = 100; /* it is added to */
    s.backend->embedding_backward(s.backend, batch, LENGTH, rows(s.h_factor), s.ids, 3,
                                  fd_tensor(dtable, VOCABULARY, D, D));
    for (int i = 0; i < VOCABULARY * D; i++) dtable[i] -= 100;
    fd_expect("dtable", embedding_loss, &s, s.table, dtable, VOCABULARY * D);
    s.backend->free(s.backend);
}

Test(gradients, embedding)
{
    check_embedding(&fd_keeping);
}
Test(gradients, embedding_with_dropout)
{
    check_embedding(&fd_dropping);
}

/* -- residual add and norm -- */

enum { Y_SITE = 3, H_SITE = 9 }; /* whose masks leave something of every row */

static double norm_loss(void *context)
{
    scene *s = context;
    memset(s->x_out, 0, sizeof s->x_out);
    memset(s->h, 0, sizeof s->h);
    s->backend->add_norm_forward(s->backend, s->batch, LENGTH, rows(s->x), rows(s->y), Y_SITE, s->weight,
                                 s->weight_stride, 1e-2f, H_SITE, 0.75f, rows(s->x_out), rows(s->h), s->rstd);
    return fd_dot(s->x_out, s->x_factor, ROWS * STRIDE) + fd_dot(s->h, s->h_factor, ROWS * STRIDE);
}

/* dx holds the residual way's gradient before, or (dx_is_zero) anything, when nothing but
 * h counts. */
static void check_norm(const ft_adapter_batch *batch, bool own_weights, bool dx_is_zero)
{
    scene s;
    double dx[ROWS * STRIDE], dy[ROWS * STRIDE], dweight[FD_ADAPTERS * D];
    fill(&s, fd_backend(), batch);
    s.weight_stride = own_weights ? D : 0;
    memcpy(dx, s.x_factor, sizeof dx);
    if (dx_is_zero) {
        memset(s.x_factor, 0, sizeof s.x_factor);
        for (int i = 0; i < ROWS * STRIDE; i++) dx[i] = NAN;
    }
    for (int i = 0; i < FD_ADAPTERS * D; i++) dweight[i] = -10;
    norm_loss(&s);
    s.backend->add_norm_backward(s.backend, batch, LENGTH, rows(s.x_out), s.rstd, s.weight, s.weight_stride,
                                 H_SITE, 0.75f, rows(s.h_factor), rows(dx), dx_is_zero, Y_SITE, rows(dy),
                                 dweight);
    for (int i = 0; i < FD_ADAPTERS * D; i++) dweight[i] += 10;
    for (int row = 0; row < ROWS; row++) {
        fd_expect("dx", norm_loss, &s, s.x + row * STRIDE, dx + row * STRIDE, D);
        fd_expect("dy", norm_loss, &s, s.y + row * STRIDE, dy + row * STRIDE, D);
    }
    fd_expect("dweight", norm_loss, &s, s.weight, dweight, own_weights ? FD_ADAPTERS * D : D);
    s.backend->free(s.backend);
}

Test(gradients, norm)
{
    check_norm(&fd_keeping, false, false);
}
Test(gradients, norm_without_residual_gradient)
{
    check_norm(&fd_keeping, true, true);
}
Test(gradients, norm_with_dropout_and_a_weight_per_adapter)
{
    check_norm(&fd_dropping, true, false);
}

/* Without y the stream passes through, and without dy, dweight only dx is written. */
Test(gradients, norm_without_y)
{
    scene s, with_y;
    ft_tensor absent = {0};
    double dx[ROWS * STRIDE], all_dx[ROWS * STRIDE], dy[ROWS * STRIDE];
    fill(&s, fd_backend(), &fd_keeping);
    memset(s.y, 0, sizeof s.y);
    with_y = s;
    norm_loss(&with_y);
    s.backend->add_norm_forward(s.backend, s.batch, LENGTH, rows(s.x), absent, 0, s.weight, 0, 1e-2f, H_SITE,
                                0.75f, rows(s.x_out), rows(s.h), s.rstd);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < D; i++) {
            cr_expect_eq(s.x_out[row * STRIDE + i], s.x[row * STRIDE + i]);
            cr_expect_eq(s.h[row * STRIDE + i], with_y.h[row * STRIDE + i]);
        }
    memcpy(dx, s.x_factor, sizeof dx);
    memcpy(all_dx, s.x_factor, sizeof dx);
    s.backend->add_norm_backward(s.backend, s.batch, LENGTH, rows(s.x_out), s.rstd, s.weight, 0, H_SITE,
                                 0.75f, rows(s.h_factor), rows(dx), false, 0, absent, NULL);
    s.backend->add_norm_backward(s.backend, s.batch, LENGTH, rows(s.x_out), s.rstd, s.weight, 0, H_SITE,
                                 0.75f, rows(s.h_factor), rows(all_dx), false, 0, rows(dy), NULL);
    cr_expect_eq(memcmp(dx, all_dx, sizeof dx), 0);
    s.backend->free(s.backend);
}

/* -- relu -- */

static double relu_loss(void *context)
{
    scene *s = context;
    memcpy(s->h, s->x, sizeof s->h);
    s->backend->relu_forward(s->backend, s->batch, LENGTH, 4, rows(s->h));
    return fd_dot(s->h, s->h_factor, ROWS * STRIDE);
}

static void check_relu(const ft_adapter_batch *batch)
{
    scene s;
    double df[ROWS * STRIDE];
    fill(&s, fd_backend(), batch);
    memcpy(df, s.h_factor, sizeof df);
    relu_loss(&s);
    s.backend->relu_backward(s.backend, batch, LENGTH, 4, rows(s.h), rows(df));
    fd_expect("df", relu_loss, &s, s.x, df, ROWS * STRIDE);
    s.backend->free(s.backend);
}

Test(gradients, relu)
{
    check_relu(&fd_keeping);
}
Test(gradients, relu_with_dropout)
{
    check_relu(&fd_dropping);
}

/* -- cross entropy: label_scale-weighted sum of the adapters' losses -- */

static double entropy_loss(void *context)
{
    scene *s = context;
    double sum[FD_ADAPTERS] = {0}, total = 0;
    s->backend->cross_entropy(s->backend, s->batch, LENGTH, rows(s->x), s->ids, NULL, sum);
    for (int g = 0; g < FD_ADAPTERS; g++) total += sum[g] * (double)s->label_scale[g];
    return total;
}

Test(gradients, cross_entropy)
{
    scene s;
    double logits[ROWS * STRIDE], sum[FD_ADAPTERS] = {1, 2, 3}, wanted[FD_ADAPTERS] = {1, 2, 3};
    fill(&s, fd_backend(), &fd_keeping);
    for (int row = 0; row < ROWS; row++) s.ids[row] = row % 3 == 1 ? -100 : row % D;
    s.label_scale[0] = 0.2f, s.label_scale[1] = 5, s.label_scale[2] = 0.7f;
    for (int i = 0; i < ROWS * STRIDE; i++) s.x[i] *= 3;
    memcpy(logits, s.x, sizeof logits);
    s.backend->cross_entropy(s.backend, s.batch, LENGTH, rows(logits), s.ids, s.label_scale, sum);
    for (int row = 0; row < ROWS; row++) {
        double denominator = 0;
        if (s.ids[row] < 0) {
            for (int i = 0; i < D; i++) cr_expect_eq(logits[row * STRIDE + i], 0);
            continue;
        }
        for (int i = 0; i < D; i++) denominator += exp(s.x[row * STRIDE + i]);
        wanted[fd_adapter_of[row / LENGTH]] += log(denominator) - s.x[row * STRIDE + s.ids[row]];
        fd_expect("dlogits", entropy_loss, &s, s.x + row * STRIDE, logits + row * STRIDE, D);
    }
    for (int g = 0; g < FD_ADAPTERS; g++) cr_expect_float_eq(sum[g], wanted[g], 1e-12);
    s.backend->free(s.backend);
}
