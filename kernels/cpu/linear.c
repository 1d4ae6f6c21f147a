/* Frozen weights and the matrix products with them, by oneDNN.
 *
 * A backend made for bf16 multiplies bf16 where the processor can; elsewhere inputs and
 * weights are rounded to bf16 and multiplied in f32. Tensors of another type than the
 * product's pass through scratch memory. */
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/matmul.h"

struct ft_weight {
    int32_t out_features, in_features;
    bool with_backward;
    ft_packed forward;  /* (in, out) */
    ft_packed backward; /* (out, in) */
};

static ft_dtype product_dtype(const ft_cpu *cpu)
{
    return cpu->native_bf16 ? FT_BF16 : FT_F32;
}

static void free_weight(ft_backend *self, ft_weight *weight)
{
    (void)self;
    if (!weight) return;
    ft_packed_free(&weight->forward);
    ft_packed_free(&weight->backward);
    free(weight);
}

/* Packs w: (out, in) f32, rows `stride` elements apart. */
static ft_status pack(ft_cpu *cpu, ft_weight *weight, const float *w, int64_t stride, ft_error *err)
{
    const int64_t transposed[2] = {1, stride}, plain[2] = {stride, 1};
    const bool rounded = cpu->base.bf16 && !cpu->native_bf16;
    if (rounded) {
        const int64_t out = weight->out_features, in = weight->in_features;
        float *copy = ft_cpu_scratch(cpu, FT_SCRATCH_X, (size_t)out * (size_t)in * sizeof(float));
        if (!copy) return cpu->base.synchronize(&cpu->base, err);
        for (int64_t i = 0; i < out; i++)
            for (int64_t j = 0; j < in; j++) copy[i * in + j] = ft_bf16_round(w[i * stride + j]);
        const int64_t copy_transposed[2] = {1, in}, copy_plain[2] = {in, 1};
        ft_status status = ft_packed_fill(cpu, &weight->forward, copy, copy_transposed, err);
        if (status == FT_OK && weight->with_backward)
            status = ft_packed_fill(cpu, &weight->backward, copy, copy_plain, err);
        return status;
    }
    ft_status status = ft_packed_fill(cpu, &weight->forward, w, transposed, err);
    if (status == FT_OK && weight->with_backward)
        status = ft_packed_fill(cpu, &weight->backward, w, plain, err);
    return status;
}

static ft_status prepare_weight(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **weight, ft_error *err)
{
    ft_cpu *cpu = ft_cpu_of(self);
    *weight = calloc(1, sizeof **weight);
    if (!*weight) return ft_no_memory(err, "a weight", sizeof **weight);
    (*weight)->out_features = out_features;
    (*weight)->in_features = in_features;
    (*weight)->with_backward = with_backward;
    ft_status status =
        ft_packed_create(cpu, in_features, out_features, product_dtype(cpu), &(*weight)->forward, err);
    if (status == FT_OK && with_backward)
        status =
            ft_packed_create(cpu, out_features, in_features, product_dtype(cpu), &(*weight)->backward, err);
    if (status == FT_OK) status = pack(cpu, *weight, w, in_features, err);
    if (status != FT_OK) {
        free_weight(self, *weight);
        *weight = NULL;
    }
    return status;
}

static void update_weight(ft_backend *self, ft_weight *weight, ft_tensor w)
{
    ft_error err;
    ft_status status = pack(ft_cpu_of(self), weight, w.data, w.stride, &err);
    if (status != FT_OK) ft_cpu_fail(ft_cpu_of(self), status, err.message);
}

static size_t weight_bytes(ft_backend *self, int32_t out_features, int32_t in_features, bool with_backward)
{
    /* oneDNN's blocks are at most 64 wide along n and 32 deep along k. */
    size_t out = ((size_t)out_features + 63) / 64 * 64, in = ((size_t)in_features + 63) / 64 * 64;
    return out * in * ft_dtype_bytes(product_dtype(ft_cpu_of(self))) * (with_backward ? 2 : 1);
}

/* Returns `x` in the product's type: itself, or a converted copy in scratch memory. Its
 * data is NULL without memory. */
static ft_tensor product_input(ft_cpu *cpu, ft_scratch use, ft_tensor x)
{
    const ft_dtype dtype = product_dtype(cpu);
    const bool rounded = cpu->base.bf16 && !cpu->native_bf16;
    if (x.dtype == dtype && !rounded) return x;
    ft_tensor copy = {NULL, dtype, x.rows, x.cols, x.cols};
    copy.data = ft_cpu_scratch(cpu, use, (size_t)x.rows * (size_t)x.cols * ft_dtype_bytes(dtype));
    if (copy.data) cpu->convert(cpu, x, copy, rounded, false);
    return copy;
}

/* How many rows to multiply next when `left` are left: products by AMX are cut into 512,
 * then 64 rows at a time, then the rest. oneDNN 2.6 multiplies other numbers of rows at a
 * third of the rate or less: 803 GFLOP/s for 4104 rows (not whole tiles), 798 for 4160
 * (65 times 64), but 2240 for 4096 (512 x 1536, two cores of a Xeon). These two are fast
 * in all sizes of the model. */
static int64_t rows_at_once(const ft_cpu *cpu, int64_t left)
{
    enum { MANY = 512, FEW = 64 };
    if (!cpu->amx || left < FEW) return left;
    return left < MANY ? FEW : MANY;
}

static void product(ft_cpu *cpu, const ft_packed *packed, ft_tensor x, ft_tensor y, bool accumulate)
{
    if (x.rows == 0) return;
    const ft_dtype dtype = product_dtype(cpu);
    x = product_input(cpu, FT_SCRATCH_X, x);
    if (!x.data) return;
    ft_tensor result = y;
    if (dtype == FT_F32 && y.dtype == FT_BF16) { /* f32 products cannot write bf16 */
        result = (ft_tensor){NULL, FT_F32, y.rows, y.cols, y.cols};
        result.data = ft_cpu_scratch(cpu, FT_SCRATCH_Y, (size_t)y.rows * (size_t)y.cols * sizeof(float));
        if (!result.data) return;
    }
    const bool converted = result.data != y.data;
    for (int64_t first = 0, rows; first < x.rows; first += rows) {
        rows = rows_at_once(cpu, x.rows - first);
        const ft_matmul_shape shape = {
            rows,          packed->k, packed->n,    {x.stride, 1}, {0, 0},
            result.stride, dtype,     result.dtype, true,          accumulate && !converted};
        ft_matmul(cpu, &shape, ft_row_address(x, first), NULL, packed, ft_row_address(result, first));
    }
    if (converted) cpu->convert(cpu, result, y, false, accumulate);
}

static void linear_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate)
{
    product(ft_cpu_of(self), &weight->forward, x, y, accumulate);
}

static void linear_backward(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate)
{
    if (!weight->with_backward)
        ft_cpu_fail(ft_cpu_of(self), FT_FAILED, "linear_backward with a weight prepared without backward");
    else
        product(ft_cpu_of(self), &weight->backward, dy, dx, accumulate);
}

static void weight_gradient(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw)
{
    ft_cpu *cpu = ft_cpu_of(self);
    if (x.rows == 0) return;
    dy = product_input(cpu, FT_SCRATCH_Y, dy);
    x = product_input(cpu, FT_SCRATCH_X, x);
    if (!dy.data || !x.data) return;
    for (int64_t first = 0, rows; first < x.rows; first += rows) {
        rows = rows_at_once(cpu, x.rows - first);
        const ft_matmul_shape shape = {dy.cols,   rows,     x.cols, {1, dy.stride}, {x.stride, 1},
                                       dw.stride, dy.dtype, FT_F32, false,          true};
        ft_matmul(cpu, &shape, ft_row_address(dy, first), ft_row_address(x, first), NULL, dw.data);
    }
}

void ft_cpu_linear_operations(ft_backend *backend)
{
    backend->prepare_weight = prepare_weight;
    backend->update_weight = update_weight;
    backend->free_weight = free_weight;
    backend->weight_bytes = weight_bytes;
    backend->linear_forward = linear_forward;
    backend->linear_backward = linear_backward;
    backend->weight_gradient = weight_gradient;
}
