/* What an adapter batch trains, on the device; see trainable.h. */
#include "model/trainable.h"

#include <stdlib.h>

#include "model/adapter_kinds.h"

/* The rank that LoRA kernels see: a multiple of 8 for whole vectors. */
static int32_t padded_rank(int32_t rank)
{
    return (rank + 7) / 8 * 8;
}

static const ft_adapter_properties *kind_of(const ft_trainable *t)
{
    return &ft_adapter_kinds[t->kind];
}

static bool is_cross_kv(int32_t index)
{
    int32_t module = (index - FT_FIRST_BLOCK_TENSOR) % (int32_t)FT_MODULES_PER_BLOCK;
    return index >= FT_FIRST_BLOCK_TENSOR && (module == FT_CROSS_K || module == FT_CROSS_V);
}

/* Gives tensor i, if it is trained, its place in a row, from `at` on. Returns where the
 * next one begins. */
static int64_t place_tensor(ft_trainable *t, int32_t i, int64_t at)
{
    ft_tensor_info info = ft_tensor_describe(&t->model->config, i);
    bool absent = info.rows == 0 || (i == FT_LM_HEAD && t->model->tied);
    t->a_offset[i] = t->b_offset[i] = -1;
    if (absent || t->n_adapters == 0 || !kind_of(t)->trains(&info, t->targets)) return at;
    bool is_low_rank = kind_of(t)->is_low_rank;
    t->a_offset[i] = at;
    at += (is_low_rank ? (int64_t)t->rank : info.rows) * info.cols;
    if (!is_low_rank) return at;
    t->b_offset[i] = at;
    return at + (int64_t)t->rank * info.rows;
}

static void lay_out(ft_trainable *t)
{
    int32_t count = ft_tensor_count(&t->model->config);
    int64_t at = 0;
    for (int32_t i = 0; i < count; i++)
        if (!is_cross_kv(i)) at = place_tensor(t, i, at);
    t->cross_kv_offset = at;
    for (int32_t i = 0; i < count; i++)
        if (is_cross_kv(i)) at = place_tensor(t, i, at);
    t->n_params = (at + 15) / 16 * 16;
}

static ft_tensor matrix_at(const ft_trainable *t, char *memory, int index)
{
    size_t bytes = (size_t)t->n_adapters * (size_t)t->n_params * ft_dtype_bytes(t->model->backend->real);
    return (ft_tensor){memory + bytes * (size_t)index, t->model->backend->real, t->n_adapters, t->n_params,
                       t->n_params};
}

/* The kind, the targets and the rank that hold all specs. */
static ft_status cover(ft_trainable *t, const ft_adapter_spec *const *specs, int32_t n_specs, ft_error *err)
{
    t->kind = n_specs > 0 ? specs[0]->kind : FT_LORA;
    for (int32_t i = 0; i < n_specs; i++) {
        if (specs[i]->kind != t->kind)
            return ft_fail(err, FT_FAILED, "adapters of different kinds cannot share a pass");
        if (!kind_of(t)->is_low_rank) continue;
        t->targets |= specs[i]->targets;
        if (padded_rank(specs[i]->rank) > t->rank) t->rank = padded_rank(specs[i]->rank);
    }
    if (kind_of(t)->replaces_weights && t->n_adapters > 1)
        return ft_fail(err, FT_FAILED, "full training takes one configuration a pass");
    return FT_OK;
}

static ft_status allocate_host(ft_trainable *t, ft_error *err)
{
    size_t n_tensors = (size_t)ft_tensor_count(&t->model->config), n = (size_t)t->n_adapters + 1;
    t->a_offset = malloc(n_tensors * sizeof *t->a_offset);
    t->b_offset = malloc(n_tensors * sizeof *t->b_offset);
    t->lora_scale = calloc(2 * n, sizeof *t->lora_scale);
    if (!t->a_offset || !t->b_offset || !t->lora_scale)
        return ft_no_memory(err, "the adapters' layout", 16 * n_tensors);
    t->lora_dropout = t->lora_scale + n;
    return FT_OK;
}

size_t ft_trainable_bytes(const ft_trainable *t)
{
    return (size_t)t->n_adapters * (size_t)t->n_params * ft_dtype_bytes(t->model->backend->real) *
           (t->for_training ? 4 : 1);
}

static ft_status allocate_device(ft_trainable *t, ft_error *err)
{
    ft_backend *backend = t->model->backend;
    size_t bytes = ft_trainable_bytes(t);
    t->memory = backend->allocate(backend, bytes, err);
    if (!t->memory) return FT_NO_MEMORY;
    backend->zero(backend, t->memory, bytes);
    t->params = matrix_at(t, t->memory, 0);
    if (!t->for_training) return FT_OK;
    t->grads = matrix_at(t, t->memory, 1);
    t->m = matrix_at(t, t->memory, 2);
    t->v = matrix_at(t, t->memory, 3);
    return FT_OK;
}

ft_status ft_trainable_measure(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **out, ft_error *err)
{
    *out = NULL;
    ft_trainable *t = calloc(1, sizeof *t);
    if (!t) return ft_no_memory(err, "adapters", sizeof *t);
    t->model = model;
    t->n_adapters = n_adapters;
    t->for_training = for_training;
    ft_status status = cover(t, specs, n_specs, err);
    if (status == FT_OK) status = allocate_host(t, err);
    if (status != FT_OK) {
        ft_trainable_free(t);
        return status;
    }
    lay_out(t);
    *out = t;
    return FT_OK;
}

ft_status ft_trainable_reserve(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **out, ft_error *err)
{
    ft_status status = ft_trainable_measure(model, specs, n_specs, n_adapters, for_training, out, err);
    if (status == FT_OK && n_adapters > 0) status = allocate_device(*out, err);
    if (status != FT_OK) {
        ft_trainable_free(*out);
        *out = NULL;
    }
    return status;
}

ft_status ft_trainable_create(ft_chronos *model, const ft_adapter *const *adapters, int32_t n_adapters,
                              bool for_training, ft_trainable **out, ft_error *err)
{
    *out = NULL;
    const ft_adapter_spec **specs = calloc((size_t)n_adapters + 1, sizeof *specs);
    if (!specs) return ft_no_memory(err, "adapters", (size_t)n_adapters * sizeof *specs);
    for (int32_t g = 0; g < n_adapters; g++) specs[g] = &adapters[g]->spec;
    ft_trainable *t = NULL;
    ft_status status = ft_trainable_reserve(model, specs, n_adapters, n_adapters, for_training, &t, err);
    free(specs);
    for (int32_t g = 0; g < n_adapters && status == FT_OK; g++)
        status = ft_trainable_write(t, g, adapters[g], err);
    if (status != FT_OK) {
        ft_trainable_free(t);
        return status;
    }
    ft_trainable_repack(t);
    *out = t;
    return FT_OK;
}

void ft_trainable_free(ft_trainable *t)
{
    if (!t) return;
    if (t->memory) t->model->backend->release(t->model->backend, t->memory);
    free(t->a_offset);
    free(t->b_offset);
    free(t->lora_scale);
    free(t);
}

/* A (rows, cols) view at `offset` elements into row `adapter` of one of the four
 * matrices. */
static ft_tensor view(const ft_trainable *t, ft_tensor matrix, int32_t adapter, int64_t offset, int64_t rows,
                      int64_t cols, int64_t stride)
{
    char *data =
        (char *)matrix.data + (size_t)(adapter * t->n_params + offset) * ft_dtype_bytes(matrix.dtype);
    return (ft_tensor){data, matrix.dtype, rows, cols, stride};
}

ft_tensor ft_trainable_row(const ft_trainable *t, ft_tensor matrix, int32_t index)
{
    return view(t, matrix, index, 0, 1, t->n_params, t->n_params);
}

typedef ft_status transfer(ft_backend *backend, ft_tensor tensor, float *values, ft_error *err);
static ft_status write_values(ft_backend *backend, ft_tensor tensor, float *values, ft_error *err)
{
    return ft_write_tensor(backend, tensor, values, err);
}

/* Moves every tensor that both the adapter and the layout have. */
static ft_status move_all(const ft_trainable *t, ft_tensor matrix, int32_t index, const ft_adapter *adapter,
                          transfer *move, ft_error *err)
{
    const ft_model_config *config = &t->model->config;
    ft_status status = FT_OK;
    for (int32_t i = 0; i < ft_tensor_count(config) && status == FT_OK; i++) {
        if (t->a_offset[i] < 0 || !adapter->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(config, i);
        if (kind_of(t)->is_low_rank) {
            int32_t rank = adapter->spec.rank;
            status =
                move(t->model->backend, view(t, matrix, index, t->a_offset[i], rank, info.cols, info.cols),
                     adapter->a[i], err);
            if (status == FT_OK)
                status =
                    move(t->model->backend, view(t, matrix, index, t->b_offset[i], info.rows, rank, t->rank),
                         adapter->b[i], err);
        } else {
            status = move(t->model->backend,
                          view(t, matrix, index, t->a_offset[i], info.rows, info.cols, info.cols),
                          adapter->a[i], err);
        }
    }
    return status;
}

ft_status ft_trainable_read(const ft_trainable *t, int32_t index, ft_adapter *adapter, ft_error *err)
{
    return move_all(t, t->params, index, adapter, ft_read_tensor, err);
}

ft_status ft_trainable_read_gradients(const ft_trainable *t, int32_t index, ft_adapter *adapter,
                                      ft_error *err)
{
    return move_all(t, t->grads, index, adapter, ft_read_tensor, err);
}

void ft_trainable_describe(ft_trainable *t, int32_t index, const ft_adapter_spec *spec)
{
    bool is_low_rank = kind_of(t)->is_low_rank;
    t->lora_scale[index] = is_low_rank ? ft_adapter_scale(spec) : 0.0f;
    t->lora_dropout[index] = is_low_rank ? spec->dropout : 0.0f;
}

ft_status ft_trainable_write(ft_trainable *t, int32_t index, const ft_adapter *adapter, ft_error *err)
{
    ft_backend *backend = t->model->backend;
    const ft_tensor rows[] = {t->params, t->m, t->v};
    size_t bytes = (size_t)t->n_params * ft_dtype_bytes(backend->real);
    for (int i = 0; i < 3; i++)
        if (rows[i].data) backend->zero(backend, (char *)rows[i].data + bytes * (size_t)index, bytes);
    ft_trainable_describe(t, index, &adapter->spec);
    return move_all(t, t->params, index, adapter, write_values, err);
}

/* Packs the trained values of the same modules of n_blocks blocks, which are
 * contiguous. */
static void repack_modules(const ft_trainable *t, ft_stack stack, int32_t first_block, int32_t n_blocks,
                           ft_projection_modules modules, ft_weight *weight)
{
    if (!weight) return;
    int32_t first = ft_block_tensor(&t->model->config, stack, first_block, modules.first);
    ft_tensor_info info = ft_tensor_describe(&t->model->config, first);
    ft_tensor values = view(t, t->params, 0, t->a_offset[first],
                            (int64_t)info.rows * modules.count * n_blocks, info.cols, info.cols);
    t->model->backend->update_weight(t->model->backend, weight, values);
}

void ft_trainable_repack(const ft_trainable *t)
{
    const ft_chronos *model = t->model;
    ft_backend *backend = model->backend;
    if (!kind_of(t)->replaces_weights) return;
    for (int stack = 0; stack < 2; stack++) {
        int32_t n = stack == FT_ENCODER ? model->config.n_encoder_layers : model->config.n_decoder_layers;
        for (int32_t b = 0; b < n; b++)
            for (int p = 0; p < FT_PROJECTIONS; p++)
                repack_modules(t, (ft_stack)stack, b, 1, ft_modules_of((ft_projection)p),
                               model->blocks[stack][b].projection[p]);
    }
    repack_modules(t, FT_DECODER, 0, model->config.n_decoder_layers, ft_cross_kv_modules(), model->cross_kv);
    int32_t head = model->tied ? FT_SHARED : FT_LM_HEAD;
    backend->update_weight(backend, model->head,
                           view(t, t->params, 0, t->a_offset[head], model->config.vocab_size,
                                model->config.d_model, model->config.d_model));
}

ft_status ft_trainable_restore(const ft_trainable *t, const ft_weights *base, ft_error *err)
{
    if (!kind_of(t)->replaces_weights) return FT_OK;
    ft_adapter values = {.spec = {.kind = t->kind}, .config = base->config, .a = base->tensor};
    ft_status status = move_all(t, t->params, 0, &values, write_values, err);
    if (status == FT_OK) ft_trainable_repack(t);
    return status;
}

ft_tensor ft_trainable_vector(const ft_trainable *t, int32_t index, int64_t *stride)
{
    *stride = 0;
    if (kind_of(t)->is_low_rank || t->a_offset[index] < 0) return ft_chronos_vector(t->model, index);
    ft_tensor_info info = ft_tensor_describe(&t->model->config, index);
    if (!kind_of(t)->replaces_weights) *stride = t->n_params;
    return view(t, t->params, 0, t->a_offset[index], info.rows, info.cols, info.cols);
}

/* Where the first trained tensor from `index` on begins; cross-attention's k and v do not
 * count. */
static int64_t begin_of(const ft_trainable *t, int32_t index)
{
    int32_t count = ft_tensor_count(&t->model->config);
    while (index < count && (t->a_offset[index] < 0 || is_cross_kv(index))) index++;
    return index < count ? t->a_offset[index] : t->cross_kv_offset;
}

ft_tensor ft_trainable_gradients(const ft_trainable *t, int32_t first, int32_t end)
{
    int64_t begin = begin_of(t, first);
    return ft_columns(t->grads, begin, begin_of(t, end) - begin);
}

ft_tensor ft_trainable_cross_kv_gradients(const ft_trainable *t)
{
    int32_t first = ft_block_tensor(&t->model->config, FT_DECODER, 0, FT_CROSS_K);
    bool trained = t->a_offset[first] >= 0 || t->a_offset[first + 1] >= 0;
    return ft_columns(t->grads, t->cross_kv_offset, trained ? t->n_params - t->cross_kv_offset : 0);
}

ft_tensor ft_trainable_gradient(const ft_trainable *t, int32_t index)
{
    if (kind_of(t)->is_low_rank || t->a_offset[index] < 0 || !t->grads.data) return (ft_tensor){0};
    ft_tensor_info info = ft_tensor_describe(&t->model->config, index);
    return view(t, t->grads, 0, t->a_offset[index], info.rows, info.cols, info.cols);
}

void ft_trainable_add_target(const ft_trainable *t, int32_t index, int32_t column, uint32_t dropout_site,
                             ft_lora *lora)
{
    if (!kind_of(t)->is_low_rank || t->a_offset[index] < 0) return;
    ft_tensor_info info = ft_tensor_describe(&t->model->config, index);
    lora->rank = t->rank;
    lora->in_features = info.cols;
    lora->out_features = info.rows;
    lora->adapter_stride = t->n_params;
    lora->target[lora->n_targets++] = (ft_lora_target){
        .a = view(t, t->params, 0, t->a_offset[index], 0, 0, 0).data,
        .b = view(t, t->params, 0, t->b_offset[index], 0, 0, 0).data,
        .da = t->grads.data ? view(t, t->grads, 0, t->a_offset[index], 0, 0, 0).data : NULL,
        .db = t->grads.data ? view(t, t->grads, 0, t->b_offset[index], 0, 0, 0).data : NULL,
        .column = column,
        .dropout_site = dropout_site,
    };
}
