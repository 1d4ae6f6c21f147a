/* What backends share: relative-position buckets, host values in and out of tensors; the
 * ref backend's memory; the communicator of a process alone. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "kernels/comm.h"
#include "model/safetensors.h"

static void *whole(const ft_safetensors *file, const char *name, int64_t count)
{
    ft_error err;
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    cr_assert_not_null(tensor, "%s", name);
    cr_assert_eq((int64_t)tensor->count, count);
    void *values = malloc((size_t)tensor->bytes);
    cr_assert_not_null(values);
    cr_assert_eq(ft_safetensors_read(file, tensor, values, &err), FT_OK, "%s", err.message);
    return values;
}

Test(backend, relative_buckets_are_transformers)
{
    enum { COUNT = 1201 };
    const struct {
        const char *name;
        bool bidirectional;
        int32_t max_distance;
    } kinds[] = {{"bidirectional_32_128", true, 128},
                 {"causal_32_128", false, 128},
                 {"bidirectional_32_32", true, 32},
                 {"causal_32_32", false, 32}};
    ft_error err;
    ft_safetensors *file = NULL;
    cr_assert_eq(ft_safetensors_open(FT_GOLDEN_DIR "/relative_buckets.safetensors", &file, &err), FT_OK, "%s",
                 err.message);
    int32_t *distance = whole(file, "distance", COUNT);
    for (int k = 0; k < 4; k++) {
        uint8_t *bucket = whole(file, kinds[k].name, COUNT);
        for (int i = 0; i < COUNT; i++)
            cr_expect_eq(ft_relative_bucket(distance[i], kinds[k].bidirectional, 32, kinds[k].max_distance),
                         bucket[i], "%s at %d", kinds[k].name, distance[i]);
        free(bucket);
    }
    free(distance);
    ft_safetensors_close(file);
}

/* A config file may hold any numbers: whatever they are, the bucket is one of the
 * table's. */
Test(backend, relative_buckets_stay_in_the_table)
{
    const int32_t distances[] = {INT32_MIN, -1000, -128, -3, -2, -1, 0, 1, 2, 3, 128, 1000, INT32_MAX};
    const int32_t most[] = {1, 2, 7, 8, 16, 128, INT32_MAX};
    for (int32_t n_buckets = 1; n_buckets <= 33; n_buckets++)
        for (unsigned m = 0; m < sizeof most / sizeof *most; m++)
            for (unsigned d = 0; d < sizeof distances / sizeof *distances; d++)
                for (int bidirectional = 0; bidirectional < 2; bidirectional++) {
                    int32_t bucket = ft_relative_bucket(distances[d], bidirectional, n_buckets, most[m]);
                    cr_assert(bucket >= 0 && bucket < n_buckets,
                              "bucket %d of %d, max_distance %d, distance %d", bucket, n_buckets, most[m],
                              distances[d]);
                }
}

/* Rows with gaps: values go in and come back, rounded to the tensor's type, and the gaps
 * stay. */
Test(backend, tensors_are_written_and_read_by_rows)
{
    const ft_dtype types[] = {FT_F32, FT_F64, FT_BF16};
    const float values[6] = {1, -2.5f, 3.14159274f, 1e-30f, 65504, -0.0f};
    float block[10], back[6];
    ft_error err;
    ft_backend *backend = NULL;
    cr_assert_eq(ft_ref_create(FT_F32, &backend, &err), FT_OK);
    for (int i = 0; i < 3; i++) {
        void *memory = backend->allocate(backend, 80, &err);
        for (int j = 0; j < 10; j++) block[j] = 8;
        ft_tensor all = {memory, types[i], 1, 10, 10}, rows = {NULL, types[i], 2, 3, 5};
        rows.data = ft_columns(all, 1, 9).data;
        cr_assert_eq(ft_write_tensor(backend, all, block, &err), FT_OK);
        cr_assert_eq(ft_write_tensor(backend, rows, values, &err), FT_OK);
        cr_assert_eq(ft_read_tensor(backend, rows, back, &err), FT_OK);
        cr_assert_eq(ft_read_tensor(backend, all, block, &err), FT_OK);
        for (int j = 0; j < 6; j++)
            cr_expect_eq(back[j], types[i] == FT_BF16 ? ft_bf16_round(values[j]) : values[j]);
        cr_expect(block[0] == 8 && block[4] == 8 && block[5] == 8 && block[9] == 8);
        backend->release(backend, memory);
    }
    backend->free(backend);
}

Test(backend, ref_memory)
{
    ft_error err;
    ft_backend *backend = NULL;
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK);
    for (size_t bytes = 0; bytes < 200; bytes += 33) {
        void *block = backend->allocate(backend, bytes, &err);
        cr_assert_not_null(block);
        cr_expect_eq((uintptr_t)block % 64, 0u);
        if (bytes >= 8) cr_expect(isnan(*(double *)block), "fresh memory is poisoned");
        backend->release(backend, block);
    }
    cr_expect_null(backend->allocate(backend, (size_t)1 << 60, &err));
    cr_expect_not_null(strstr(err.message, "memory"));
    cr_expect_null(backend->allocate(backend, SIZE_MAX, &err));
    backend->release(backend, NULL);
    cr_expect_eq(backend->synchronize(backend, &err), FT_OK);
    backend->free(backend);
}

Test(backend, ref_types)
{
    const struct {
        ft_dtype made, real, matrix;
    } kinds[] = {{FT_F64, FT_F64, FT_F64}, {FT_F32, FT_F32, FT_F32}, {FT_BF16, FT_F32, FT_BF16}};
    ft_error err;
    for (int i = 0; i < 3; i++) {
        ft_backend *backend = NULL;
        cr_assert_eq(ft_ref_create(kinds[i].made, &backend, &err), FT_OK);
        cr_expect(backend->real == kinds[i].real && backend->matrix == kinds[i].matrix);
        cr_expect_eq(backend->bf16, kinds[i].made == FT_BF16);
        backend->free(backend);
    }
}

/* A backend made for bf16 rounds what enters a product, and sums without rounding: 1 +
 * 2^-9 is 1 in bf16. */
Test(backend, ref_rounds_products_inputs_to_bf16)
{
    ft_error err;
    ft_backend *backend = NULL;
    ft_weight *weight = NULL;
    const float w[2] = {1.001953125f, 1};
    float x[2] = {1.001953125f, 0.001953125f}, y[1] = {0};
    cr_assert_eq(ft_ref_create(FT_BF16, &backend, &err), FT_OK);
    cr_assert_eq(backend->prepare_weight(backend, w, 1, 2, true, &weight, &err), FT_OK);
    backend->linear_forward(backend, weight, (ft_tensor){x, FT_F32, 1, 2, 2}, (ft_tensor){y, FT_F32, 1, 1, 1},
                            false);
    cr_expect_eq(y[0], 1.001953125f);
    backend->free_weight(backend, weight);
    backend->free(backend);
}

/* Token -1 stands for one that could not be drawn: nothing outside of the table is read
 * for it. */
Test(backend, ref_embeds_no_token_as_zeros)
{
    const int32_t start[2] = {0, 1}, adapter_of[1] = {0}, ids[2] = {-1, 1};
    const ft_adapter_batch batch = {
        .n_adapters = 1, .n_sequences = 1, .sequence_start = start, .adapter_of = adapter_of};
    float table[2 * 3] = {1, 2, 3, 4, 5, 6}, out[2 * 3] = {9, 9, 9, 9, 9, 9};
    ft_error err;
    ft_backend *backend = NULL;
    cr_assert_eq(ft_ref_create(FT_F32, &backend, &err), FT_OK);
    backend->embedding_forward(backend, &batch, 2, (ft_tensor){table, FT_F32, 2, 3, 3}, ids, 0,
                               (ft_tensor){out, FT_F32, 2, 3, 3});
    for (int i = 0; i < 6; i++) cr_expect_eq(out[i], i < 3 ? 0.0f : table[i]);
    backend->free(backend);
}

Test(comm, self_returns_at_once)
{
    ft_error err;
    ft_comm *comm = NULL;
    float values[3] = {1, 2, 3};
    cr_assert_eq(ft_comm_self(&comm, &err), FT_OK);
    cr_expect(comm->rank == 0 && comm->size == 1);
    cr_expect_eq(comm->broadcast(comm, values, sizeof values, 0, &err), FT_OK);
    cr_expect_eq(comm->all_reduce(comm, (ft_tensor){values, FT_F32, 1, 3, 3}, &err), FT_OK);
    double sum = 5;
    cr_expect_eq(comm->all_reduce_host(comm, &sum, 1, &err), FT_OK);
    cr_expect_eq(sum, 5);
    cr_expect(values[0] == 1 && values[1] == 2 && values[2] == 3);
    comm->free(comm);
}
