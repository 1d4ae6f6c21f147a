/* The cache of oneDNN's matrix products, and the layouts of its weights. */
#include "kernels/cpu/matmul.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More shapes than any training or forecast needs at a time. When the cache is full
 * (series of ever new lengths), it is emptied. */
enum { MAX_MATMULS = 1024, BUCKETS = 256 };

/* Bytes that must be free before oneDNN creates something. Without memory for a kernel's
 * code, version 2.6 writes through NULL, and C++ exceptions elsewhere end the process
 * too. Neither can be caught, so check beforehand. A primitive takes at most 2 MiB
 * (measured: sizes nano and mini, f32 and bf16, all parameters trained). Primitives are
 * cached, so the check costs nothing. */
enum { ROOM = 16 << 20 };

typedef struct matmul {
    struct matmul *next;
    ft_matmul_shape shape;
    dnnl_primitive_t primitive;
    /* their data pointers are set before each execution */
    dnnl_memory_t x, w, y, scratch;
    size_t scratch_bytes;
} matmul;

struct ft_matmul_cache {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    matmul *buckets[BUCKETS];
    int count;
};

/* The calling thread's OpenMP settings. */
typedef struct threads {
    int count, dynamic;
} threads;

/* Sets the calling thread's OpenMP settings and returns the previous ones, for the caller
 * to restore. oneDNN takes its thread count from them and splits a product over that many
 * threads: with fewer threads, part of it would not be computed. */
static threads set_threads(threads wanted)
{
    threads before = {omp_get_max_threads(), omp_get_dynamic()};
    if (before.count != wanted.count) omp_set_num_threads(wanted.count);
    if (before.dynamic != wanted.dynamic) omp_set_dynamic(wanted.dynamic);
    return before;
}

/* Maps oneDNN's status to ours. oneDNN does not report how many bytes it wanted. */
static ft_status status_of(dnnl_status_t status, const char *what, ft_error *err)
{
    if (status == dnnl_success) return FT_OK;
    if (status == dnnl_out_of_memory) return ft_no_memory(err, what, ROOM);
    return ft_fail(err, FT_FAILED, "oneDNN fails in %s (its status %d)", what, (int)status);
}

static dnnl_data_type_t type_of(ft_dtype dtype)
{
    return dtype == FT_BF16 ? dnnl_bf16 : dnnl_f32;
}

static void matmul_free(matmul *product)
{
    if (!product) return;
    if (product->x) dnnl_memory_destroy(product->x);
    if (product->w) dnnl_memory_destroy(product->w);
    if (product->y) dnnl_memory_destroy(product->y);
    if (product->scratch) dnnl_memory_destroy(product->scratch);
    if (product->primitive) dnnl_primitive_destroy(product->primitive);
    free(product);
}

static void forget_all(ft_matmul_cache *cache)
{
    for (int i = 0; i < BUCKETS; i++) {
        while (cache->buckets[i]) {
            matmul *first = cache->buckets[i];
            cache->buckets[i] = first->next;
            matmul_free(first);
        }
    }
    cache->count = 0;
}

ft_status ft_matmul_cache_create(ft_matmul_cache **cache, ft_error *err)
{
    *cache = calloc(1, sizeof **cache);
    if (!*cache) return ft_no_memory(err, "the cache of matrix products", sizeof **cache);
    dnnl_status_t status = ft_cpu_has_room(ROOM) ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success) status = dnnl_engine_create(&(*cache)->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&(*cache)->stream, (*cache)->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        ft_matmul_cache_free(*cache);
        *cache = NULL;
    }
    return status_of(status, "oneDNN's engine for this processor", err);
}

void ft_matmul_cache_free(ft_matmul_cache *cache)
{
    if (!cache) return;
    forget_all(cache);
    if (cache->stream) dnnl_stream_destroy(cache->stream);
    if (cache->engine) dnnl_engine_destroy(cache->engine);
    free(cache);
}

static uint64_t hash_of(const ft_matmul_shape *shape)
{
    const int64_t parts[] = {shape->m,
                             shape->k,
                             shape->n,
                             shape->x_stride[0],
                             shape->x_stride[1],
                             shape->w_stride[0],
                             shape->w_stride[1],
                             shape->y_stride,
                             (int64_t)shape->in * 64 + (int64_t)shape->out * 8 + shape->packed * 2 +
                                 shape->accumulate};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ (uint64_t)parts[i]) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    return hash;
}

static bool same_shape(const ft_matmul_shape *a, const ft_matmul_shape *b)
{
    return a->m == b->m && a->k == b->k && a->n == b->n && a->x_stride[0] == b->x_stride[0] &&
           a->x_stride[1] == b->x_stride[1] && a->w_stride[0] == b->w_stride[0] &&
           a->w_stride[1] == b->w_stride[1] && a->y_stride == b->y_stride && a->in == b->in &&
           a->out == b->out && a->packed == b->packed && a->accumulate == b->accumulate;
}

/* The primitive descriptor of a product, w in `w_layout`. */
static dnnl_status_t describe(ft_matmul_cache *cache, const ft_matmul_shape *shape, const ft_layout *w_layout,
                              dnnl_primitive_desc_t *descriptor)
{
    ft_layout x = {0}, y = {0};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    const dnnl_dims_t x_dims = {shape->m, shape->k}, x_strides = {shape->x_stride[0], shape->x_stride[1]};
    const dnnl_dims_t y_dims = {shape->m, shape->n}, y_strides = {shape->y_stride, 1};
    dnnl_status_t status = ft_layout_strided(&x, x_dims, type_of(shape->in), x_strides);
    if (status == dnnl_success) status = ft_layout_strided(&y, y_dims, type_of(shape->out), y_strides);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && shape->accumulate) {
        status = dnnl_post_ops_create(&operations);
        if (status == dnnl_success) status = ft_append_sum(operations);
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    }
    if (status == dnnl_success)
        status = ft_matmul_describe(descriptor, cache->engine, &x, w_layout, &y, attributes);
    if (operations) dnnl_post_ops_destroy(operations);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    ft_layout_free(&x);
    ft_layout_free(&y);
    return status;
}

static dnnl_status_t build(ft_matmul_cache *cache, const ft_matmul_shape *shape, const ft_packed *packed,
                           matmul *product)
{
    ft_layout plain = {0};
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_status_t status = ft_cpu_has_room(ROOM) ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success && !packed) {
        const dnnl_dims_t dims = {shape->k, shape->n}, strides = {shape->w_stride[0], shape->w_stride[1]};
        status = ft_layout_strided(&plain, dims, type_of(shape->in), strides);
    }
    if (status == dnnl_success)
        status = describe(cache, shape, packed ? &packed->layout : &plain, &descriptor);
    if (status == dnnl_success) status = dnnl_primitive_create(&product->primitive, descriptor);
    const dnnl_query_t queries[] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                                    dnnl_query_scratchpad_md};
    dnnl_memory_t *const memories[] = {&product->x, &product->w, &product->y, &product->scratch};
    for (int i = 0; i < 4 && status == dnnl_success; i++) {
        ft_layout_view layout = dnnl_primitive_desc_query_md(descriptor, queries[i], 0);
        if (i == 3) product->scratch_bytes = dnnl_memory_desc_get_size(layout);
        status = dnnl_memory_create(memories[i], layout, cache->engine, DNNL_MEMORY_NONE);
    }
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    ft_layout_free(&plain);
    return status;
}

/* Keeps oneDNN's failure in a product for synchronize. */
static void fail_in_product(ft_cpu *cpu, const ft_matmul_shape *shape, dnnl_status_t status)
{
    char what[128];
    ft_error err;
    snprintf(what, sizeof what, "a matrix product of %lld x %lld by %lld x %lld", (long long)shape->m,
             (long long)shape->k, (long long)shape->k, (long long)shape->n);
    ft_cpu_fail(cpu, status_of(status, what, &err), err.message);
}

static matmul *find(ft_cpu *cpu, const ft_matmul_shape *shape, const ft_packed *packed)
{
    ft_matmul_cache *cache = cpu->matmuls;
    uint64_t bucket = hash_of(shape) % BUCKETS;
    for (matmul *product = cache->buckets[bucket]; product; product = product->next)
        if (same_shape(&product->shape, shape)) return product;
    if (cache->count >= MAX_MATMULS) forget_all(cache);
    matmul *product = calloc(1, sizeof *product);
    dnnl_status_t status = product ? build(cache, shape, packed, product) : dnnl_out_of_memory;
    if (status != dnnl_success) {
        matmul_free(product);
        fail_in_product(cpu, shape, status);
        return NULL;
    }
    product->shape = *shape;
    product->next = cache->buckets[bucket];
    cache->buckets[bucket] = product;
    cache->count++;
    return product;
}

void ft_matmul(ft_cpu *cpu, const ft_matmul_shape *shape, const void *x, const void *w,
               const ft_packed *packed, void *y)
{
    const threads before = set_threads((threads){cpu->base.n_threads, 0});
    matmul *product = find(cpu, shape, packed);
    void *scratch = product ? ft_cpu_scratch(cpu, FT_SCRATCH_DNNL, product->scratch_bytes + 64) : NULL;
    if (scratch) {
        /* oneDNN's interface takes inputs as writable too. */
        union {
            const void *in;
            void *out;
        } input = {x}, weight = {packed ? packed->data : w};
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, product->x},
                                             {DNNL_ARG_WEIGHTS, product->w},
                                             {DNNL_ARG_DST, product->y},
                                             {DNNL_ARG_SCRATCHPAD, product->scratch}};
        dnnl_status_t status = dnnl_memory_set_data_handle(product->x, input.out);
        if (status == dnnl_success) status = dnnl_memory_set_data_handle(product->w, weight.out);
        if (status == dnnl_success) status = dnnl_memory_set_data_handle(product->y, y);
        if (status == dnnl_success) status = dnnl_memory_set_data_handle(product->scratch, scratch);
        if (status == dnnl_success)
            status = dnnl_primitive_execute(product->primitive, cpu->matmuls->stream, 4, arguments);
        if (status == dnnl_success) status = dnnl_stream_wait(cpu->matmuls->stream);
        if (status != dnnl_success) fail_in_product(cpu, shape, status);
    }
    set_threads(before);
}

ft_status ft_packed_create(ft_cpu *cpu, int64_t k, int64_t n, ft_dtype dtype, ft_packed *packed,
                           ft_error *err)
{
    enum { TYPICAL_ROWS = 512 };
    const ft_matmul_shape typical = {TYPICAL_ROWS, k, n, {k, 1}, {0, 0}, n, dtype, dtype, true, false};
    const dnnl_dims_t dims = {k, n};
    ft_layout any = {0};
    dnnl_primitive_desc_t descriptor = NULL;
    *packed = (ft_packed){.k = k, .n = n, .dtype = dtype};
    const threads before = set_threads((threads){cpu->base.n_threads, 0});
    dnnl_status_t status = ft_cpu_has_room(ROOM) ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success) status = ft_layout_any(&any, dims, type_of(dtype));
    if (status == dnnl_success) status = describe(cpu->matmuls, &typical, &any, &descriptor);
    if (status == dnnl_success)
        status = ft_layout_copy(&packed->layout,
                                dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0));
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    ft_layout_free(&any);
    set_threads(before);
    char what[96];
    snprintf(what, sizeof what, "a packed weight of %lld x %lld", (long long)k, (long long)n);
    if (status != dnnl_success) return status_of(status, what, err);
    packed->bytes = dnnl_memory_desc_get_size(ft_layout_of(&packed->layout));
    packed->data = aligned_alloc(64, (packed->bytes + 63) / 64 * 64);
    if (packed->data) return FT_OK;
    ft_no_memory(err, what, packed->bytes);
    ft_packed_free(packed);
    return FT_NO_MEMORY;
}

static void forget_reorder(ft_packed *packed)
{
    if (packed->to) dnnl_memory_destroy(packed->to);
    if (packed->from) dnnl_memory_destroy(packed->from);
    if (packed->reorder) dnnl_primitive_destroy(packed->reorder);
    packed->to = packed->from = NULL;
    packed->reorder = NULL;
}

void ft_packed_free(ft_packed *packed)
{
    forget_reorder(packed);
    free(packed->data);
    ft_layout_free(&packed->layout);
    *packed = (ft_packed){0};
}

static dnnl_status_t prepare_reorder(dnnl_engine_t engine, ft_packed *packed, const int64_t stride[2])
{
    if (packed->reorder && packed->from_stride[0] == stride[0] && packed->from_stride[1] == stride[1])
        return dnnl_success;
    const dnnl_dims_t dims = {packed->k, packed->n}, strides = {stride[0], stride[1]};
    ft_layout plain = {0};
    dnnl_primitive_desc_t descriptor = NULL;
    ft_layout_view to = ft_layout_of(&packed->layout);
    forget_reorder(packed);
    dnnl_status_t status = ft_cpu_has_room(ROOM) ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success) status = ft_layout_strided(&plain, dims, dnnl_f32, strides);
    if (status == dnnl_success)
        status =
            dnnl_reorder_primitive_desc_create(&descriptor, ft_layout_of(&plain), engine, to, engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&packed->reorder, descriptor);
    if (status == dnnl_success)
        status = dnnl_memory_create(&packed->from, ft_layout_of(&plain), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&packed->to, to, engine, packed->data);
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    ft_layout_free(&plain);
    packed->from_stride[0] = stride[0];
    packed->from_stride[1] = stride[1];
    if (status != dnnl_success) forget_reorder(packed);
    return status;
}

ft_status ft_packed_fill(ft_cpu *cpu, ft_packed *packed, const float *values, const int64_t stride[2],
                         ft_error *err)
{
    union {
        const void *in;
        void *out;
    } input = {values};
    const threads before = set_threads((threads){cpu->base.n_threads, 0});
    dnnl_status_t status = prepare_reorder(cpu->matmuls->engine, packed, stride);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(packed->from, input.out);
    if (status == dnnl_success) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, packed->from}, {DNNL_ARG_TO, packed->to}};
        status = dnnl_primitive_execute(packed->reorder, cpu->matmuls->stream, 2, arguments);
    }
    if (status == dnnl_success) status = dnnl_stream_wait(cpu->matmuls->stream);
    set_threads(before);
    char what[96];
    snprintf(what, sizeof what, "packing a weight of %lld x %lld", (long long)packed->k,
             (long long)packed->n);
    return status_of(status, what, err);
}
