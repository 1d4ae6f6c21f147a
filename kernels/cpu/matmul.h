/* Matrix products by oneDNN: y: (m, n) = [y +] x: (m, k) times w: (k, n). Each shape's
 * primitive is created once and cached. */
#ifndef FT_KERNELS_CPU_MATMUL_H
#define FT_KERNELS_CPU_MATMUL_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/dnnl_version.h"

/* The shape of a product, the key of the cache. Strides are in elements: element (i, j)
 * of x is at i * x_stride[0] + j * x_stride[1]. The same holds for w unless it is
 * `packed`: then it has the layout that oneDNN prefers (ft_packed). */
typedef struct ft_matmul_shape {
    int64_t m, k, n;
    int64_t x_stride[2], w_stride[2], y_stride;
    ft_dtype in, out; /* of x and w, of y */
    bool packed, accumulate;
} ft_matmul_shape;

/* A weight in the layout that oneDNN prefers. oneDNN 2.6 chooses the same blocks for 1 to
 * 4104 rows of x (measured for the sizes of this project's models), so that one copy
 * serves training and decoding alike. */
typedef struct ft_packed {
    ft_layout layout;
    void *data;
    size_t bytes;
    int64_t k, n;
    ft_dtype dtype;
    /* The last reorder that filled it, kept so that filling it again creates nothing
     * new. */
    dnnl_primitive_t reorder;
    dnnl_memory_t from, to;
    int64_t from_stride[2];
} ft_packed;

ft_status ft_matmul_cache_create(ft_matmul_cache **cache, ft_error *err);
void ft_matmul_cache_free(ft_matmul_cache *cache); /* NULL is fine */

/* Computes y = [y +] x w. ft_cpu_fail keeps failures. `w`: the data of a plain w, or an
 * ft_packed. */
void ft_matmul(ft_cpu *cpu, const ft_matmul_shape *shape, const void *x, const void *w,
               const ft_packed *packed, void *y);

/* Chooses the layout of a (k, n) weight and allocates it; free by ft_packed_free (safe on
 * a zeroed one). */
ft_status ft_packed_create(ft_cpu *cpu, int64_t k, int64_t n, ft_dtype dtype, ft_packed *packed,
                           ft_error *err);
void ft_packed_free(ft_packed *packed);
/* Fills it from f32 values, element (i, j) at i * stride[0] + j * stride[1]. */
ft_status ft_packed_fill(ft_cpu *cpu, ft_packed *packed, const float *values, const int64_t stride[2],
                         ft_error *err);

#endif
