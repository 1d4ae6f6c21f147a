/* LoRA adapters, each applied to its own rows, target by target.
 *
 *   forward   u = scale * A dropout(x),  y += B u
 *   backward  dB += dy^T u,  du = scale * dy B,  dA += du^T dropout(x),
 *             dx += dropout'(du A) */
#include <string.h>

#include "kernels/ref/ref.h"

/* An adapter's tensor as doubles, as a matrix product sees them. */
static void load_adapter(ft_backend *self, const void *data, int64_t offset, int64_t count, double *values)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = ft_ref_matrix_input(self, ft_ref_load(data, self->real, offset + i));
}

static void add_to_adapter(ft_backend *self, void *data, int64_t offset, int64_t count, const double *values)
{
    for (int64_t i = 0; i < count; i++)
        ft_ref_store(data, self->real, offset + i, ft_ref_load(data, self->real, offset + i) + values[i]);
}

/* dropout(x) of one row, as the product with A sees it. */
static void load_input(ft_backend *self, ft_tensor x, int64_t row, const ft_ref_dropout *dropout,
                       int32_t length, int32_t t, double *values)
{
    ft_ref_load_row(x, row, values);
    ft_ref_dropout_row(dropout, length, t, values, x.cols);
    ft_ref_matrix_inputs(self, values, x.cols);
}

/* One target; y and u are its columns. */
static void target_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                           const ft_lora *lora, const ft_lora_target *target, ft_tensor x, ft_tensor y,
                           ft_tensor u)
{
    int64_t rank = lora->rank, in = lora->in_features, out = lora->out_features;
    double *a = ft_ref_scratch(self, rank * in + out * rank + in + out + rank);
    if (!a) return;
    double *b = a + rank * in, *x_row = b + out * rank, *y_row = x_row + in, *u_row = y_row + out;
    for (int32_t g = 0; g < batch->n_adapters; g++) {
        load_adapter(self, target->a, g * lora->adapter_stride, rank * in, a);
        load_adapter(self, target->b, g * lora->adapter_stride, out * rank, b);
        for (int32_t s = batch->sequence_start[g]; s < batch->sequence_start[g + 1]; s++) {
            ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->lora_dropout, target->dropout_site, s);
            for (int32_t t = 0; t < length; t++) {
                int64_t row = (int64_t)s * length + t;
                load_input(self, x, row, &dropout, length, t, x_row);
                for (int64_t r = 0; r < rank; r++)
                    u_row[r] = (double)batch->lora_scale[g] * ft_ref_dot(a + r * in, x_row, in);
                ft_ref_store_row(u, row, u_row);
                ft_ref_matrix_inputs(self, u_row, rank);
                ft_ref_load_row(y, row, y_row);
                for (int64_t o = 0; o < out; o++) y_row[o] += ft_ref_dot(b + o * rank, u_row, rank);
                ft_ref_store_row(y, row, y_row);
            }
        }
    }
}

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    for (int32_t i = 0; i < lora->n_targets; i++)
        target_forward(self, batch, length, lora, &lora->target[i], x, ft_lora_y_of(lora, i, y),
                       ft_lora_u_of(lora, i, u));
}

/* One row's part: adds to da and db, writes du, adds to dx. `b` is (out, rank), `a` is
 * (rank, in). */
typedef struct backward_scratch {
    double *a, *b, *da, *db, *x, *dy, *u, *du, *dx;
} backward_scratch;

static bool get_scratch(ft_backend *self, const ft_lora *lora, backward_scratch *scratch)
{
    int64_t rank = lora->rank, in = lora->in_features, out = lora->out_features;
    double *next = ft_ref_scratch(self, 2 * (rank * in + out * rank + rank + in) + out);
    if (!next) return false;
    scratch->a = next, next += rank * in;
    scratch->da = next, next += rank * in;
    scratch->b = next, next += out * rank;
    scratch->db = next, next += out * rank;
    scratch->u = next, next += rank;
    scratch->du = next, next += rank;
    scratch->x = next, next += in;
    scratch->dx = next, next += in;
    scratch->dy = next;
    return true;
}

/* One target; u, dy and du are its columns. */
static void target_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                            const ft_lora *lora, const ft_lora_target *target, ft_tensor x, ft_tensor u,
                            ft_tensor dy, ft_tensor dx, ft_tensor du)
{
    int64_t rank = lora->rank, in = lora->in_features, out = lora->out_features;
    backward_scratch now;
    if (!get_scratch(self, lora, &now)) return;
    for (int32_t g = 0; g < batch->n_adapters; g++) {
        int64_t offset = g * lora->adapter_stride;
        load_adapter(self, target->a, offset, rank * in, now.a);
        load_adapter(self, target->b, offset, out * rank, now.b);
        memset(now.da, 0, (size_t)(rank * in) * sizeof(double));
        memset(now.db, 0, (size_t)(out * rank) * sizeof(double));
        for (int32_t s = batch->sequence_start[g]; s < batch->sequence_start[g + 1]; s++) {
            ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->lora_dropout, target->dropout_site, s);
            for (int32_t t = 0; t < length; t++) {
                int64_t row = (int64_t)s * length + t;
                load_input(self, x, row, &dropout, length, t, now.x);
                ft_ref_load_row(dy, row, now.dy);
                ft_ref_matrix_inputs(self, now.dy, out);
                ft_ref_load_row(u, row, now.u);
                ft_ref_matrix_inputs(self, now.u, rank);

                memset(now.du, 0, (size_t)rank * sizeof(double));
                for (int64_t o = 0; o < out; o++) {
                    ft_ref_add_scaled(now.db + o * rank, now.dy[o], now.u, rank);
                    ft_ref_add_scaled(now.du, now.dy[o], now.b + o * rank, rank);
                }
                for (int64_t r = 0; r < rank; r++) now.du[r] *= (double)batch->lora_scale[g];
                ft_ref_store_row(du, row, now.du);
                ft_ref_matrix_inputs(self, now.du, rank);
                for (int64_t r = 0; r < rank; r++) ft_ref_add_scaled(now.da + r * in, now.du[r], now.x, in);
                if (!dx.data) continue;

                memset(now.x, 0, (size_t)in * sizeof(double));
                for (int64_t r = 0; r < rank; r++) ft_ref_add_scaled(now.x, now.du[r], now.a + r * in, in);
                ft_ref_dropout_row(&dropout, length, t, now.x, in);
                ft_ref_load_row(dx, row, now.dx);
                ft_ref_add_scaled(now.dx, 1, now.x, in);
                ft_ref_store_row(dx, row, now.dx);
            }
        }
        add_to_adapter(self, target->da, offset, rank * in, now.da);
        add_to_adapter(self, target->db, offset, out * rank, now.db);
    }
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    for (int32_t i = 0; i < lora->n_targets; i++)
        target_backward(self, batch, length, lora, &lora->target[i], x, ft_lora_u_of(lora, i, u),
                        ft_lora_y_of(lora, i, dy), dx, ft_lora_u_of(lora, i, du));
}

void ft_ref_lora_operations(ft_backend *backend)
{
    backend->lora_forward = lora_forward;
    backend->lora_backward = lora_backward;
}
