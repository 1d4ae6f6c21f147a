/* Looks up rows of a table by token id, with dropout. Backward adds each row's gradient
 * to the row of its token. */
#include <string.h>

#include "kernels/ref/ref.h"

static void embedding_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out)
{
    double *values = ft_ref_scratch(self, table.cols);
    if (!values) return;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->model_dropout, dropout_site, s);
        for (int32_t t = 0; t < length; t++) {
            int64_t row = (int64_t)s * length + t;
            if (ids[row] >= 0)
                ft_ref_load_row(table, ids[row], values);
            else
                memset(values, 0, (size_t)table.cols * sizeof *values);
            ft_ref_dropout_row(&dropout, length, t, values, table.cols);
            ft_ref_store_row(out, row, values);
        }
    }
}

static void embedding_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable)
{
    double *values = ft_ref_scratch(self, 2 * dtable.cols);
    if (!values) return;
    double *sum = values + dtable.cols;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->model_dropout, dropout_site, s);
        for (int32_t t = 0; t < length; t++) {
            int64_t row = (int64_t)s * length + t;
            ft_ref_load_row(dout, row, values);
            ft_ref_dropout_row(&dropout, length, t, values, dtable.cols);
            ft_ref_load_row(dtable, ids[row], sum);
            ft_ref_add_scaled(sum, 1, values, dtable.cols);
            ft_ref_store_row(dtable, ids[row], sum);
        }
    }
}

void ft_ref_embedding_operations(ft_backend *backend)
{
    backend->embedding_forward = embedding_forward;
    backend->embedding_backward = embedding_backward;
}
