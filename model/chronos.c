/* Chronos-T5 on a device; see chronos.h. */
#include "model/chronos.h"

#include <stdlib.h>
#include <string.h>

ft_projection_modules ft_modules_of(ft_projection projection)
{
    static const ft_projection_modules modules[FT_PROJECTIONS] = {
        [FT_PROJECT_SELF_QKV] = {FT_SELF_Q, 3}, [FT_PROJECT_SELF_O] = {FT_SELF_O, 1},
        [FT_PROJECT_CROSS_Q] = {FT_CROSS_Q, 1}, [FT_PROJECT_CROSS_O] = {FT_CROSS_O, 1},
        [FT_PROJECT_WI] = {FT_FF_WI, 1},        [FT_PROJECT_WO] = {FT_FF_WO, 1},
    };
    return modules[projection];
}

ft_projection_modules ft_cross_kv_modules(void)
{
    return (ft_projection_modules){FT_CROSS_K, 2};
}

static int32_t n_blocks(const ft_model_config *config, int stack)
{
    return stack == FT_ENCODER ? config->n_encoder_layers : config->n_decoder_layers;
}

/* Packs the same modules of n_blocks_stacked blocks, stacked along the output. Leaves the
 * weight NULL where blocks of this stack have none. */
static ft_status pack_modules(ft_chronos *model, const ft_weights *weights, ft_stack stack,
                              int32_t first_block, int32_t n_blocks_stacked, ft_projection_modules modules,
                              bool with_backward, ft_weight **weight, ft_error *err)
{
    int32_t first = ft_block_tensor(&model->config, stack, first_block, modules.first);
    ft_tensor_info info = ft_tensor_describe(&model->config, first);
    if (info.rows == 0) return FT_OK;
    int32_t n_modules = n_blocks_stacked * modules.count;
    size_t count = (size_t)info.rows * (size_t)info.cols, bytes = count * (size_t)n_modules * sizeof(float);
    float *stacked = malloc(bytes);
    if (!stacked) return ft_no_memory(err, "packing weights", bytes);
    for (int32_t m = 0; m < n_modules; m++) {
        int32_t block = m / modules.count, tensor = first + block * FT_MODULES_PER_BLOCK + m % modules.count;
        memcpy(stacked + count * (size_t)m, weights->tensor[tensor], count * sizeof *stacked);
    }
    ft_status status = model->backend->prepare_weight(model->backend, stacked, info.rows * n_modules,
                                                      info.cols, with_backward, weight, err);
    free(stacked);
    return status;
}

static ft_status upload_vectors(ft_chronos *model, const ft_weights *weights, ft_error *err)
{
    ft_backend *backend = model->backend;
    int32_t n_tensors = ft_tensor_count(&model->config);
    model->vector_offset = malloc((size_t)n_tensors * sizeof *model->vector_offset);
    if (!model->vector_offset) return ft_no_memory(err, "the table of tensors", (size_t)n_tensors * 8);
    int64_t total = 0;
    for (int32_t i = 0; i < n_tensors; i++) {
        ft_tensor_info info = ft_tensor_describe(&model->config, i);
        bool is_vector = weights->tensor[i] && !info.is_linear && i != FT_LM_HEAD;
        model->vector_offset[i] = is_vector ? total : -1;
        if (is_vector) total += ((int64_t)info.rows * info.cols + 15) / 16 * 16;
    }
    model->vectors = backend->allocate(backend, (size_t)total * ft_dtype_bytes(backend->real), err);
    if (!model->vectors) return FT_NO_MEMORY;
    for (int32_t i = 0; i < n_tensors; i++) {
        if (model->vector_offset[i] < 0) continue;
        ft_status status = ft_write_tensor(backend, ft_chronos_vector(model, i), weights->tensor[i], err);
        if (status != FT_OK) return status;
    }
    return FT_OK;
}

ft_status ft_chronos_create(ft_backend *backend, const ft_weights *weights, bool with_backward,
                            ft_chronos **out, ft_error *err)
{
    *out = NULL;
    ft_chronos *model = calloc(1, sizeof *model);
    if (!model) return ft_no_memory(err, "the model", sizeof *model);
    model->backend = backend;
    model->config = weights->config;
    model->tied = weights->tied;
    ft_status status = FT_OK;
    for (int stack = 0; stack < 2 && status == FT_OK; stack++) {
        int32_t count = n_blocks(&model->config, stack);
        model->blocks[stack] = calloc((size_t)count, sizeof *model->blocks[stack]);
        if (!model->blocks[stack])
            status = ft_no_memory(err, "the model's blocks", (size_t)count * sizeof(ft_block));
        for (int32_t b = 0; b < count && status == FT_OK; b++)
            for (int p = 0; p < FT_PROJECTIONS && status == FT_OK; p++)
                status = pack_modules(model, weights, (ft_stack)stack, b, 1, ft_modules_of((ft_projection)p),
                                      with_backward, &model->blocks[stack][b].projection[p], err);
    }
    if (status == FT_OK)
        status = pack_modules(model, weights, FT_DECODER, 0, model->config.n_decoder_layers,
                              ft_cross_kv_modules(), with_backward, &model->cross_kv, err);
    if (status == FT_OK)
        status = backend->prepare_weight(backend, weights->tensor[weights->tied ? FT_SHARED : FT_LM_HEAD],
                                         model->config.vocab_size, model->config.d_model, with_backward,
                                         &model->head, err);
    if (status == FT_OK) status = upload_vectors(model, weights, err);
    if (status == FT_OK) status = backend->synchronize(backend, err);
    if (status != FT_OK) {
        ft_chronos_free(model);
        return status;
    }
    *out = model;
    return FT_OK;
}

void ft_chronos_free(ft_chronos *model)
{
    if (!model) return;
    ft_backend *backend = model->backend;
    for (int stack = 0; stack < 2; stack++) {
        for (int32_t b = 0; model->blocks[stack] && b < n_blocks(&model->config, stack); b++)
            for (int p = 0; p < FT_PROJECTIONS; p++)
                if (model->blocks[stack][b].projection[p])
                    backend->free_weight(backend, model->blocks[stack][b].projection[p]);
        free(model->blocks[stack]);
    }
    if (model->cross_kv) backend->free_weight(backend, model->cross_kv);
    if (model->head) backend->free_weight(backend, model->head);
    if (model->vectors) backend->release(backend, model->vectors);
    free(model->vector_offset);
    free(model);
}

ft_tensor ft_chronos_vector(const ft_chronos *model, int32_t index)
{
    ft_tensor_info info = ft_tensor_describe(&model->config, index);
    ft_dtype real = model->backend->real;
    return (ft_tensor){(char *)model->vectors + (size_t)model->vector_offset[index] * ft_dtype_bytes(real),
                       real, info.rows, info.cols, info.cols};
}
