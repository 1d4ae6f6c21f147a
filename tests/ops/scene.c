/* Setting up one case on one backend; see scene.h. */
#include "tests/ops/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "base/philox.h"

static void fail(ft_op_scene *scene, ft_status status)
{
    if (scene->status == FT_OK) scene->status = status;
}

void op_scene_free(ft_op_scene *scene)
{
    ft_backend *backend = scene->backend;
    for (int i = 0; i < scene->n_tensors; i++) {
        backend->release(backend, scene->tensors[i].block);
        free(scene->tensors[i].host);
    }
    for (int i = 0; i < scene->n_blocks; i++) backend->release(backend, scene->blocks[i]);
    scene->n_tensors = scene->n_blocks = 0;
}

bool op_again(ft_op_scene *scene)
{
    ft_backend *backend = scene->backend;
    if (scene->status != FT_OK) return false;
    if (!scene->was_called) return scene->was_called = true;
    scene->status = backend->synchronize(backend, &scene->error);
    return false;
}

bool op_has(const ft_op_scene *scene, uint32_t flag)
{
    return (scene->shape->flags & flag) != 0;
}

ft_dtype op_in(const ft_op_scene *scene)
{
    return op_has(scene, FT_OP_REAL_IN) ? scene->backend->real : scene->backend->matrix;
}

ft_dtype op_out(const ft_op_scene *scene)
{
    return op_has(scene, FT_OP_REAL_OUT) ? scene->backend->real : scene->backend->matrix;
}

float op_draw(ft_op_scene *scene, double scale)
{
    ft_philox_key key = {{scene->seed, 0x6f7073u}};
    uint32_t number = ft_philox(key, scene->drawn++, 0, 0, 0).word[0];
    float value = (float)(scale * (2 * (double)ft_philox_uniform(number) - 1));
    return scene->bf16_values ? ft_bf16_round(value) : value;
}

void *op_array(ft_op_scene *scene, const void *host, size_t bytes)
{
    if (scene->status != FT_OK) return NULL;
    void *block = NULL;
    if (scene->n_blocks < OP_MAX_TENSORS)
        block = scene->backend->allocate(scene->backend, bytes, &scene->error);
    if (!block) {
        fail(scene, FT_NO_MEMORY);
        return NULL;
    }
    scene->blocks[scene->n_blocks++] = block;
    scene->backend->to_device(scene->backend, block, host, bytes);
    return block;
}

/* A value that no operation makes by chance, in the gaps between rows. */
static const float GAP = 777.0f;

/* `values` (rows, cols) or NULL: NaN everywhere. */
ft_tensor op_given(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols, const float *values)
{
    ft_tensor absent = {0};
    int64_t padding = op_has(scene, FT_OP_STRIDED) ? OP_PADDING : 0, stride = cols + 2 * padding;
    int64_t elements = rows * stride;
    size_t bytes = (size_t)elements * ft_dtype_bytes(dtype);
    if (scene->status != FT_OK) return absent;
    float *padded = malloc((size_t)elements * sizeof *padded);
    void *block = padded && scene->n_tensors < OP_MAX_TENSORS
                      ? scene->backend->allocate(scene->backend, bytes, &scene->error)
                      : NULL;
    if (!block) {
        free(padded);
        fail(scene, FT_NO_MEMORY);
        return absent;
    }
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < stride; i++) {
            bool inside = i >= padding && i < padding + cols;
            padded[row * stride + i] = !inside ? GAP : values ? values[row * cols + i - padding] : NAN;
        }
    ft_tensor whole = {block, dtype, rows, stride, stride};
    ft_status status = ft_write_tensor(scene->backend, whole, padded, &scene->error);
    if (status != FT_OK) fail(scene, status);
    free(padded);
    op_tensor *tensor = &scene->tensors[scene->n_tensors++];
    *tensor =
        (op_tensor){.view = ft_columns(whole, padding, cols), .block = block, .block_elements = elements};
    return tensor->view;
}

static ft_tensor made(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols, double scale)
{
    float *values = malloc((size_t)(rows * cols) * sizeof *values + 1);
    if (!values) fail(scene, FT_NO_MEMORY);
    for (int64_t i = 0; values && i < rows * cols; i++) values[i] = scale > 0 ? op_draw(scene, scale) : 0;
    ft_tensor tensor = op_given(scene, dtype, rows, cols, values);
    free(values);
    return tensor;
}

ft_tensor op_values(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols, double scale)
{
    return made(scene, dtype, rows, cols, scale);
}

ft_tensor op_zeros(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols)
{
    return made(scene, dtype, rows, cols, 0);
}

ft_tensor op_empty(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols)
{
    return op_given(scene, dtype, rows, cols, NULL);
}

ft_tensor op_sum(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols)
{
    return op_has(scene, FT_OP_ACCUMULATE) ? op_values(scene, dtype, rows, cols, 1)
                                           : op_empty(scene, dtype, rows, cols);
}

int32_t *op_integers(ft_op_scene *scene, int64_t count, int32_t low, int32_t high)
{
    int32_t *values = malloc((size_t)count * sizeof *values + 1);
    if (!values) fail(scene, FT_NO_MEMORY);
    ft_philox_key key = {{scene->seed, 0x696e74u}};
    for (int64_t i = 0; values && i < count; i++) {
        uint32_t number = ft_philox(key, scene->drawn++, 0, 0, 0).word[0];
        values[i] = low + (int32_t)(number % (uint32_t)(high - low));
    }
    int32_t *array = op_array(scene, values, (size_t)count * sizeof *values);
    free(values);
    return array;
}

/* Adapter g gets about g + 1 shares of the sequences, perhaps none. */
ft_adapter_batch op_batch(ft_op_scene *scene)
{
    enum { MOST = 64 };
    const ft_op_shape *shape = scene->shape;
    int32_t n = shape->adapters, sequences = shape->sequences;
    ft_adapter_batch batch = {.n_adapters = n, .n_sequences = sequences};
    int32_t start[MOST + 1] = {0}, adapter_of[MOST] = {0};
    uint32_t seed[MOST] = {0}, step[MOST] = {0};
    int32_t offset[MOST] = {0};
    float model_dropout[MOST] = {0}, lora_dropout[MOST] = {0}, lora_scale[MOST] = {0};
    if (n > MOST || sequences > MOST) {
        fail(scene, ft_fail(&scene->error, FT_FAILED, "more than %d adapters or sequences in a case", MOST));
        return batch;
    }
    for (int32_t g = 0; g <= n; g++) start[g] = sequences * g * (g + 1) / (n * (n + 1));
    for (int32_t g = 0; g < n; g++) {
        for (int32_t s = start[g]; s < start[g + 1]; s++) adapter_of[s] = g;
        seed[g] = 11u + (uint32_t)g * 17u;
        step[g] = 3u * (uint32_t)g;
        offset[g] = 2 * g;
        model_dropout[g] = n == 1 ? shape->dropout : shape->dropout * (float)g / (float)(n - 1);
        lora_dropout[g] = 0.5f * model_dropout[g];
        lora_scale[g] = ldexpf(1.5f, g % 3);
    }
    /* No longer than they must be, so that reading beyond shows. */
    size_t adapters = (size_t)n;
    batch.sequence_start = op_array(scene, start, (adapters + 1) * sizeof *start);
    batch.adapter_of = op_array(scene, adapter_of, (size_t)sequences * sizeof *adapter_of);
    batch.seed = op_array(scene, seed, adapters * sizeof *seed);
    batch.step = op_array(scene, step, adapters * sizeof *step);
    batch.sequence_offset = op_array(scene, offset, adapters * sizeof *offset);
    batch.lora_scale = op_array(scene, lora_scale, adapters * sizeof *lora_scale);
    if (shape->dropout > 0) {
        batch.model_dropout = op_array(scene, model_dropout, adapters * sizeof *model_dropout);
        batch.lora_dropout = op_array(scene, lora_dropout, adapters * sizeof *lora_dropout);
    }
    return batch;
}

/* Fetches the whole block of a tensor. */
static void fetch(ft_op_scene *scene, op_tensor *tensor)
{
    size_t bytes = (size_t)tensor->block_elements * ft_dtype_bytes(tensor->view.dtype);
    tensor->host = malloc(bytes + 1);
    if (!tensor->host)
        fail(scene, FT_NO_MEMORY);
    else
        scene->backend->to_host(scene->backend, tensor->host, tensor->block, bytes);
}

void op_result(ft_op_scene *scene, const char *name, ft_tensor tensor)
{
    op_result_floor(scene, name, tensor, 0);
}

void op_result_floor(ft_op_scene *scene, const char *name, ft_tensor tensor, double floor)
{
    for (int i = 0; i < scene->n_tensors && scene->status == FT_OK && tensor.data; i++)
        if (scene->tensors[i].view.data == tensor.data) {
            scene->tensors[i].name = name;
            scene->tensors[i].floor = floor;
            fetch(scene, &scene->tensors[i]);
        }
}

/* As f32 values, which hold whole numbers below 2^24. */
void op_result_integers(ft_op_scene *scene, const char *name, const int32_t *array, int64_t count)
{
    if (scene->status != FT_OK || scene->n_tensors == OP_MAX_TENSORS) return;
    int32_t *values = malloc((size_t)count * sizeof *values);
    float *floats = malloc((size_t)count * sizeof *floats);
    if (values && floats) {
        scene->backend->to_host(scene->backend, values, array, (size_t)count * sizeof *values);
        for (int64_t i = 0; i < count; i++) floats[i] = (float)values[i];
        scene->tensors[scene->n_tensors++] =
            (op_tensor){.view = {.dtype = FT_F32, .rows = 1, .cols = count, .stride = count},
                        .block_elements = count,
                        .name = name,
                        .exact = true,
                        .host = floats};
        floats = NULL;
    } else {
        fail(scene, FT_NO_MEMORY);
    }
    free(values);
    free(floats);
}

ft_weight *op_weight(ft_op_scene *scene, int32_t out, int32_t in)
{
    int64_t count = (int64_t)out * in;
    ft_weight *weight = NULL;
    float *values = malloc((size_t)count * sizeof *values + 1);
    if (!values) fail(scene, FT_NO_MEMORY);
    for (int64_t i = 0; values && i < count; i++) values[i] = op_draw(scene, 1);
    if (scene->status == FT_OK)
        scene->status =
            scene->backend->prepare_weight(scene->backend, values, out, in, true, &weight, &scene->error);
    free(values);
    return weight;
}

void op_free_weight(ft_op_scene *scene, ft_weight *weight)
{
    if (weight) scene->backend->free_weight(scene->backend, weight);
}
