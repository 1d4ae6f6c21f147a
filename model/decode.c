/* Decodes a group of series; see decode.h.
 *
 * Paths are ordered series by series, and series adapter by adapter. So the paths of an
 * adapter are contiguous, as LoRA needs them, and the paths of a series share one block
 * of cross-attention keys and values. */
#include "model/decode.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/arena.h"
#include "model/data_parallel_shard.h"
#include "model/flops.h"
#include "model/sites.h"

/* Series [first, first + count) that went through the encoder together, contexts padded
 * to `length`. */
typedef struct encoder_group {
    int32_t first, count, length;
    int64_t row; /* where their keys and values and their mask begin */
} encoder_group;

struct ft_decoder {
    const ft_trainable *trainable;
    ft_decode_shape shape;
    ft_workspace *encoder;
    ft_inputs *inputs, *group_inputs; /* group_inputs: of one pass of the encoder */
    encoder_group *groups;            /* (n_groups), at most n_series */
    int32_t n_groups;
    char *memory;
    size_t bytes;
    /* device memory, n_paths = n_series * num_samples */
    /* (n_series * encoder_length, layers * 2 * inner), (layers * n_paths * n_tokens, 2 *
     * inner) matrix */
    ft_tensor cross_kv, self_kv;
    ft_tensor x, h, y; /* (n_paths, d_model): real, matrix, matrix */
    /* (n_paths, 3 * inner), (n_paths, inner) twice, (n_paths, d_ff) matrix */
    ft_tensor qkv, q, out, f;
    ft_tensor u;       /* (n_paths, rank * most targets of a projection) real */
    ft_tensor cross_u; /* (rows of a pass of the encoder, rank * targets of it) real */
    ft_tensor logits;  /* (n_paths, vocab_size) real */
    void *rstd;        /* (n_paths) */
    /* (n_tokens + 1, n_paths): row 0 holds the start token */
    int32_t *tokens;
    /* of paths: (most_parts, n_adapters + 1), (n_paths) */
    int32_t *sequence_start, *adapter_of;
    uint8_t *key_mask;                /* (encoder rows) */
    uint32_t *seed, *series, *sample; /* (n_paths) */
    uint32_t *host;                   /* (max(n_paths, n_adapters) + 1) */
};

static int32_t series_of_a_pass(const ft_decoder *d)
{
    int64_t pass_rows = d->trainable->model->backend->pass_rows;
    return pass_rows > 0 ? ft_micro_batch_sequences(d->shape.n_series, 1, d->shape.encoder_length, pass_rows)
                         : d->shape.n_series;
}

/* Paths of the current call of ft_decoder_run. */
static int64_t paths_of(const ft_decoder *d)
{
    return (int64_t)d->inputs->n_sequences * d->shape.num_samples;
}

/* The most parts of the backend that the paths of a call are divided among. */
static int32_t most_parts(const ft_decoder *d)
{
    const ft_backend *backend = d->trainable->model->backend;
    return backend->in_parts && backend->n_threads > 1 ? backend->n_threads : 1;
}

/* Columns of u: of the decoder's projection with the most LoRA targets. */
static int64_t most_u_columns(const ft_trainable *trainable)
{
    int64_t most = 0;
    for (int p = 0; p < FT_PROJECTIONS; p++) {
        int64_t columns =
            ft_lora_u_width(&trainable->model->config, FT_DECODER, 1, ft_modules_of((ft_projection)p),
                            trainable->targets, trainable->rank);
        if (columns > most) most = columns;
    }
    return most;
}

static size_t lay_out(ft_decoder *d, char *base)
{
    const ft_model_config *config = &d->trainable->model->config;
    const ft_backend *backend = d->trainable->model->backend;
    int64_t n_series = d->shape.n_series, n_paths = n_series * d->shape.num_samples,
            inner = ft_inner_dim(config);
    int64_t encoder_rows = n_series * d->shape.encoder_length, layers = config->n_decoder_layers;
    ft_arena c = {.base = base, .on_host = backend->host_memory};
    d->cross_kv = ft_arena_tensor(&c, backend->matrix, encoder_rows, layers * 2 * inner);
    d->self_kv = ft_arena_tensor(&c, backend->matrix, layers * n_paths * d->shape.n_tokens, 2 * inner);
    d->x = ft_arena_tensor(&c, backend->real, n_paths, config->d_model);
    d->h = ft_arena_tensor(&c, backend->matrix, n_paths, config->d_model);
    d->y = ft_arena_tensor(&c, backend->matrix, n_paths, config->d_model);
    d->qkv = ft_arena_tensor(&c, backend->matrix, n_paths, 3 * inner);
    d->q = ft_arena_tensor(&c, backend->matrix, n_paths, inner);
    d->out = ft_arena_tensor(&c, backend->matrix, n_paths, inner);
    d->f = ft_arena_tensor(&c, backend->matrix, n_paths, config->d_ff);
    int64_t pass_rows = (int64_t)series_of_a_pass(d) * d->shape.encoder_length;
    d->u = ft_arena_tensor(&c, backend->real, n_paths, most_u_columns(d->trainable));
    d->cross_u =
        ft_arena_tensor(&c, backend->real, pass_rows,
                        ft_lora_u_width(config, FT_DECODER, config->n_decoder_layers, ft_cross_kv_modules(),
                                        d->trainable->targets, d->trainable->rank));
    d->logits = ft_arena_tensor(&c, backend->real, n_paths, config->vocab_size);
    d->rstd = ft_arena_cut(&c, (size_t)n_paths * ft_dtype_bytes(backend->real));
    d->tokens = ft_arena_cut(&c, (size_t)(n_paths * (d->shape.n_tokens + 1)) * 4);
    d->sequence_start = ft_arena_cut(&c, (size_t)most_parts(d) * ((size_t)d->shape.n_adapters + 1) * 4);
    d->adapter_of = ft_arena_cut(&c, (size_t)n_paths * 4);
    d->key_mask = ft_arena_cut(&c, (size_t)encoder_rows);
    d->seed = ft_arena_cut(&c, (size_t)n_paths * 4);
    d->series = ft_arena_cut(&c, (size_t)n_paths * 4);
    d->sample = ft_arena_cut(&c, (size_t)n_paths * 4);
    return c.used;
}

static ft_pass_shape encoder_shape(const ft_decoder *d)
{
    return (ft_pass_shape){.n_adapters = d->shape.n_adapters,
                           .n_sequences = series_of_a_pass(d),
                           .encoder_length = d->shape.encoder_length,
                           .kind = d->trainable->kind,
                           .targets = d->trainable->targets,
                           .rank = d->trainable->rank};
}

size_t ft_decoder_bytes(const ft_trainable *trainable, const ft_decode_shape *shape)
{
    ft_decoder d = {.trainable = trainable, .shape = *shape};
    ft_pass_shape encoder = encoder_shape(&d);
    return lay_out(&d, NULL) +
           ft_workspace_bytes(trainable->model->backend, &trainable->model->config, &encoder);
}

ft_status ft_decoder_create(const ft_trainable *trainable, const ft_decode_shape *shape, ft_decoder **out,
                            ft_error *err)
{
    *out = NULL;
    ft_backend *backend = trainable->model->backend;
    ft_decoder *d = calloc(1, sizeof *d);
    if (!d) return ft_no_memory(err, "a decoder", sizeof *d);
    d->trainable = trainable;
    d->shape = *shape;
    ft_pass_shape encoder = encoder_shape(d);
    ft_status status = ft_workspace_create(backend, &trainable->model->config, &encoder, &d->encoder, err);
    if (status == FT_OK) status = ft_inputs_create(&encoder, &d->group_inputs, err);
    encoder.n_sequences = shape->n_series;
    if (status == FT_OK) status = ft_inputs_create(&encoder, &d->inputs, err);
    if (status == FT_OK) {
        size_t n_host = (size_t)shape->n_series * (size_t)shape->num_samples + (size_t)shape->n_adapters + 1;
        d->host = malloc(n_host * sizeof *d->host);
        d->groups = calloc((size_t)shape->n_series, sizeof *d->groups);
        if (!d->host || !d->groups) status = ft_no_memory(err, "a decoder", n_host * sizeof *d->host);
    }
    if (status == FT_OK) {
        size_t bytes = lay_out(d, NULL);
        d->memory = backend->allocate(backend, bytes, err);
        if (!d->memory) {
            char what[160];
            snprintf(what, sizeof what,
                     "%d sampled paths of %d tokens for %d series (fewer num_samples need less)",
                     (int)shape->num_samples, (int)shape->n_tokens, (int)shape->n_series);
            ft_error_prefix(err, what); /* after it, what the device says */
            status = FT_NO_MEMORY;
        }
    }
    if (status != FT_OK) {
        ft_decoder_free(d);
        return status;
    }
    lay_out(d, d->memory);
    *out = d;
    return FT_OK;
}

void ft_decoder_free(ft_decoder *d)
{
    if (!d) return;
    if (d->memory) d->trainable->model->backend->release(d->trainable->model->backend, d->memory);
    ft_workspace_free(d->encoder);
    ft_inputs_free(d->inputs);
    ft_inputs_free(d->group_inputs);
    free(d->groups);
    free(d->host);
    free(d);
}

ft_inputs *ft_decoder_inputs(ft_decoder *decoder)
{
    return decoder->inputs;
}

/* Copies to the device which adapter, series and sample each path belongs to. */
static void load_paths(ft_decoder *d, const ft_decode_sampling *sampling)
{
    ft_backend *backend = d->trainable->model->backend;
    const ft_inputs *in = d->inputs;
    uint32_t num_samples = (uint32_t)d->shape.num_samples, n_paths = (uint32_t)in->n_sequences * num_samples;
    size_t bytes = (size_t)n_paths * 4;
    uint32_t *host = d->host;
    for (int32_t g = 0; g < in->n_adapters; g++)
        for (uint32_t p = (uint32_t)in->sequence_start[g] * num_samples;
             p < (uint32_t)in->sequence_start[g + 1] * num_samples; p++)
            host[p] = (uint32_t)g;
    backend->to_device(backend, d->adapter_of, host, bytes);
    for (uint32_t p = 0; p < n_paths; p++) host[p] = sampling->seed;
    backend->to_device(backend, d->seed, host, bytes);
    for (uint32_t p = 0; p < n_paths; p++) host[p] = sampling->series[p / num_samples];
    backend->to_device(backend, d->series, host, bytes);
    for (uint32_t p = 0; p < n_paths; p++) host[p] = p % num_samples;
    backend->to_device(backend, d->sample, host, bytes);
    for (uint32_t p = 0; p < n_paths; p++)
        host[p] = (uint32_t)d->trainable->model->config.decoder_start_token_id;
    backend->to_device(backend, d->tokens, host, bytes);
}

/* Rows [first, first + count) of a tensor. */
static ft_tensor rows_at(ft_tensor t, int64_t first, int64_t count)
{
    t.data = ft_row_address(t, first);
    return ft_rows(t, count);
}

static void project(const ft_pass *pass, ft_tensor u, int32_t block, ft_projection projection, int32_t length,
                    ft_tensor x, ft_tensor y)
{
    ft_projection_use use = ft_pass_projection(pass, FT_DECODER, block, projection);
    use.u = u;
    ft_pass_project(pass, use, length, x, y);
}

/* Keys and values of all blocks over the contexts of a group. */
static ft_tensor cross_kv_of(const ft_decoder *d, const encoder_group *group)
{
    return rows_at(d->cross_kv, group->row, (int64_t)group->count * group->length);
}

/* One pass of the encoder, and what cross-attention needs of it. */
static void encode_group(ft_decoder *d, const encoder_group *group)
{
    ft_backend *backend = d->trainable->model->backend;
    int64_t rows = (int64_t)group->count * group->length;
    ft_pass pass;
    ft_pass_load(&pass, d->trainable, d->encoder, d->group_inputs);
    ft_pass_encode(&pass);
    ft_projection_use use = ft_pass_cross_kv(&pass);
    use.u = d->cross_u;
    ft_pass_project(&pass, use, group->length, ft_rows(d->encoder->stack[FT_ENCODER].out, rows),
                    cross_kv_of(d, group));
    backend->copy(backend, d->key_mask + group->row, d->encoder->key_mask, (size_t)rows);
}

/* Runs the encoder over all series, in as many passes as the backend prefers
 * (pass_rows). */
static void encode(ft_decoder *d)
{
    const ft_inputs *in = d->inputs;
    int32_t n = in->n_sequences, most = series_of_a_pass(d);
    int64_t rows = 0;
    d->n_groups = (n + most - 1) / most;
    for (int32_t i = 0; i < d->n_groups; i++) {
        int32_t first = (int32_t)((int64_t)n * i / d->n_groups);
        int32_t count = (int32_t)((int64_t)n * (i + 1) / d->n_groups) - first;
        ft_inputs_range(in, first, count, d->group_inputs);
        d->groups[i] = (encoder_group){first, count, d->group_inputs->encoder_length, rows};
        encode_group(d, &d->groups[i]);
        rows += (int64_t)count * d->group_inputs->encoder_length;
    }
}

/* Paths [first, first + count) of the decoder, which go through all steps on a backend of
 * their own. */
typedef struct path_range {
    const ft_decoder *d;
    int64_t first, count;
    ft_workspace workspace; /* the encoder's, with that backend */
    ft_pass pass;
} path_range;

static ft_tensor rows_of(const path_range *r, ft_tensor t)
{
    return rows_at(t, r->first, r->count);
}

/* The fewest paths of a part, and of a series in one: a backend may attend to a context
 * for fewer paths in another way, with other bits. */
enum { FEW_PATHS = 4 };

/* The first path of a part of the backend. It is moved to where a series begins if it
 * would leave fewer than FEW_PATHS of that series on one side; so a part may be empty. */
static int64_t first_of_part(const ft_decoder *d, int32_t part, int32_t n_parts)
{
    const int64_t num_samples = d->shape.num_samples;
    const int64_t first = paths_of(d) * part / n_parts, within = first % num_samples;
    const bool fits = within >= FEW_PATHS && num_samples - within >= FEW_PATHS;
    if (within == 0 || fits) return first;
    return first - within + (2 * within < num_samples ? 0 : num_samples);
}

static path_range make_range(const ft_decoder *d, int32_t part, int32_t n_parts)
{
    const int64_t first = first_of_part(d, part, n_parts);
    return (path_range){.d = d,
                        .first = first,
                        .count = first_of_part(d, part + 1, n_parts) - first,
                        .workspace = *d->encoder};
}

/* Copies to the device where the paths of each adapter begin in a range. */
static void load_starts(const ft_decoder *d, const path_range *r, int32_t part)
{
    ft_backend *backend = d->trainable->model->backend;
    const ft_inputs *in = d->inputs;
    for (int32_t g = 0; g <= in->n_adapters; g++) {
        const int64_t start = (int64_t)in->sequence_start[g] * d->shape.num_samples - r->first;
        d->host[g] = (uint32_t)(start < 0 ? 0 : start < r->count ? start : r->count);
    }
    const size_t n = (size_t)in->n_adapters + 1;
    backend->to_device(backend, d->sequence_start + (size_t)part * n, d->host, n * 4);
}

/* Sets the backend that computes a range. */
static void set_backend(path_range *r, ft_backend *backend, int32_t part)
{
    const ft_decoder *d = r->d;
    const int32_t n_adapters = d->inputs->n_adapters;
    r->workspace.backend = backend;
    r->pass = (ft_pass){.trainable = d->trainable,
                        .workspace = &r->workspace,
                        .batch = {.n_adapters = n_adapters,
                                  .n_sequences = (int32_t)r->count,
                                  .sequence_start = d->sequence_start + (int64_t)part * (n_adapters + 1),
                                  .adapter_of = d->adapter_of + r->first,
                                  .seed = d->encoder->seed,
                                  .step = d->encoder->step,
                                  .lora_scale = d->encoder->lora_scale}};
}

/* The attentions of block b at step t (t earlier tokens are cached). */
static void attend_self(const path_range *r, int32_t b, int32_t t, ft_tensor qkv, ft_tensor out)
{
    const ft_decoder *d = r->d;
    ft_backend *backend = r->workspace.backend;
    const ft_model_config *config = &d->trainable->model->config;
    const int64_t inner = ft_inner_dim(config), n_tokens = d->shape.n_tokens;
    const int64_t n_paths = paths_of(d);
    int64_t stride;
    ft_tensor cache = rows_at(d->self_kv, (b * n_paths + r->first) * n_tokens, r->count * n_tokens);
    ft_decode_attention attention = {
        .q = ft_columns(qkv, 0, inner),
        .k_new = ft_columns(qkv, inner, inner),
        .v_new = ft_columns(qkv, 2 * inner, inner),
        .k_cache = ft_columns(cache, 0, inner),
        .v_cache = ft_columns(cache, inner, inner),
        .n_heads = config->n_heads,
        .d_kv = config->d_kv,
        .kv_length = t + 1,
        .capacity = d->shape.n_tokens,
        .paths_per_cache = 1,
        .bias = ft_trainable_vector(d->trainable, FT_DECODER_BIAS, &stride),
        .max_distance = config->max_distance,
    };
    backend->decode_attention(backend, &attention, out);
}

/* Cross-attention of all paths of n_series series from `series` on, or of some paths of
 * one. */
static void attend_series(const path_range *r, const encoder_group *group, int32_t b, int32_t series,
                          int32_t n_series, ft_tensor q, ft_tensor out)
{
    ft_backend *backend = r->workspace.backend;
    const ft_model_config *config = &r->d->trainable->model->config;
    const int64_t inner = ft_inner_dim(config), before = (int64_t)(series - group->first) * group->length;
    const ft_tensor all = rows_at(cross_kv_of(r->d, group), before, (int64_t)n_series * group->length);
    const ft_tensor kv = ft_columns(all, 2 * inner * b, 2 * inner);
    ft_decode_attention attention = {
        .q = q,
        .k_cache = ft_columns(kv, 0, inner),
        .v_cache = ft_columns(kv, inner, inner),
        .n_heads = config->n_heads,
        .d_kv = config->d_kv,
        .kv_length = group->length,
        .capacity = group->length,
        .paths_per_cache = (int32_t)(q.rows / n_series),
        .key_mask = r->d->key_mask + group->row + before,
    };
    backend->decode_attention(backend, &attention, out);
}

/* Cross-attention of the paths of a range over the contexts of a group. The range may
 * begin and end within the paths of a series. */
static void attend_cross(const path_range *r, const encoder_group *group, int32_t b, ft_tensor q,
                         ft_tensor out)
{
    const int64_t num_samples = r->d->shape.num_samples;
    const int64_t group_first = group->first * num_samples,
                  group_end = group_first + group->count * num_samples;
    const int64_t range_end = r->first + r->count, end = group_end < range_end ? group_end : range_end;
    for (int64_t path = group_first > r->first ? group_first : r->first, n; path < end; path += n) {
        const int64_t within = path % num_samples, rest = num_samples - within;
        const int64_t whole = within == 0 ? (end - path) / num_samples : 0;
        n = whole > 0 ? whole * num_samples : rest < end - path ? rest : end - path;
        attend_series(r, group, b, (int32_t)(path / num_samples), whole > 0 ? (int32_t)whole : 1,
                      rows_at(q, path - r->first, n), rows_at(out, path - r->first, n));
    }
}

/* Logits of step t from the tokens of row t. */
static void decode_step(const path_range *r, int32_t t)
{
    const ft_decoder *d = r->d;
    const ft_pass *pass = &r->pass;
    ft_backend *backend = r->workspace.backend;
    const ft_model_config *config = &d->trainable->model->config;
    const int64_t n_paths = paths_of(d);
    void *rstd = (char *)d->rstd + (size_t)r->first * ft_dtype_bytes(backend->real);
    ft_tensor x = rows_of(r, d->x), h = rows_of(r, d->h), y = rows_of(r, d->y), u = rows_of(r, d->u);
    ft_tensor qkv = rows_of(r, d->qkv), q = rows_of(r, d->q), out = rows_of(r, d->out), f = rows_of(r, d->f);
    ft_tensor pending = {0};
    int64_t stride;
    backend->embedding_forward(backend, &pass->batch, 1,
                               ft_trainable_vector(d->trainable, FT_SHARED, &stride),
                               d->tokens + t * n_paths + r->first, 0, x);
    for (int32_t b = 0; b < config->n_decoder_layers; b++) {
        int32_t tensor = ft_block_tensor(config, FT_DECODER, b, (ft_module)0);
        ft_pass_add_norm(pass, 1, x, pending, 0, tensor + FT_SELF_NORM, 0, 1.0f, x, h, rstd);
        project(pass, u, b, FT_PROJECT_SELF_QKV, 1, h, qkv);
        attend_self(r, b, t, qkv, out);
        project(pass, u, b, FT_PROJECT_SELF_O, 1, out, y);
        ft_pass_add_norm(pass, 1, x, y, 0, tensor + FT_CROSS_NORM, 0, 1.0f, x, h, rstd);
        project(pass, u, b, FT_PROJECT_CROSS_Q, 1, h, q);
        for (int32_t i = 0; i < d->n_groups; i++) attend_cross(r, &d->groups[i], b, q, out);
        project(pass, u, b, FT_PROJECT_CROSS_O, 1, out, y);
        ft_pass_add_norm(pass, 1, x, y, 0, tensor + FT_FF_NORM, 0, 1.0f, x, h, rstd);
        project(pass, u, b, FT_PROJECT_WI, 1, h, f);
        backend->relu_forward(backend, &pass->batch, 1, 0, f);
        project(pass, u, b, FT_PROJECT_WO, 1, f, y);
        pending = y;
    }
    ft_pass_add_norm(pass, 1, x, pending, 0, FT_DECODER_NORM, 0, ft_output_scale(config, FT_DECODER), x, h,
                     rstd);
    backend->linear_forward(backend, d->trainable->model->head, h, rows_of(r, d->logits), false);
}

/* What the parts of a backend share while they draw. */
typedef struct drawing {
    const ft_decoder *d;
    const ft_decode_sampling *sampling;
    int32_t n_parts;
} drawing;

/* Draws all tokens of one part's paths. */
static void draw_part(void *context, ft_backend *backend, int part)
{
    const drawing *of = context;
    const ft_decoder *d = of->d;
    const int64_t n_paths = paths_of(d);
    path_range r = make_range(d, part, of->n_parts);
    set_backend(&r, backend, part);
    for (int32_t t = 0; t < d->shape.n_tokens && r.count > 0; t++) {
        decode_step(&r, t);
        ft_sampling draw = {.temperature = of->sampling->temperature,
                            .top_k = of->sampling->top_k,
                            .top_p = of->sampling->top_p,
                            .suppressed_token = d->trainable->model->config.chronos.eos_token_id,
                            .seed = d->seed + r.first,
                            .series = d->series + r.first,
                            .sample = d->sample + r.first,
                            .step = of->sampling->first_step + (uint32_t)t};
        backend->sample(backend, &draw, rows_of(&r, d->logits), d->tokens + (t + 1) * n_paths + r.first,
                        (ft_tensor){0});
    }
}

/* Each part reads all weights at every token, so dividing the paths pays off where the
 * weights are few or each part has many paths. */
static int32_t count_parts(const ft_decoder *d)
{
    enum { MANY_PATHS = 16, FEW_BYTES = 16 << 20 };
    const ft_backend *backend = d->trainable->model->backend;
    const int64_t n_paths = paths_of(d);
    const double weights = ft_flops_token(&d->trainable->model->config) / 2;
    const bool few = weights * (double)ft_dtype_bytes(backend->matrix) <= FEW_BYTES;
    return n_paths >= (few ? FEW_PATHS : MANY_PATHS) * most_parts(d) ? most_parts(d) : 1;
}

ft_status ft_decoder_run(ft_decoder *d, const ft_decode_sampling *sampling, int32_t *tokens, ft_error *err)
{
    const ft_trainable *trainable = d->trainable;
    ft_backend *backend = trainable->model->backend;
    ft_inputs *in = d->inputs;
    int32_t n_adapters = trainable->n_adapters;
    for (int32_t g = 0; g < in->n_adapters; g++)
        in->lora_scale[g] = g < n_adapters ? trainable->lora_scale[g] : 0.0f;
    in->dropout = false;
    in->decoder_length = 0;
    encode(d);
    load_paths(d, sampling);
    const int64_t n_paths = paths_of(d);
    drawing drawn = {d, sampling, count_parts(d)};
    for (int32_t i = 0; i < drawn.n_parts; i++) {
        const path_range r = make_range(d, i, drawn.n_parts);
        load_starts(d, &r, i);
    }
    if (drawn.n_parts > 1)
        backend->in_parts(backend, drawn.n_parts, draw_part, &drawn);
    else
        draw_part(&drawn, backend, 0);
    ft_status status = backend->synchronize(backend, err);
    for (int32_t t = 0; t < d->shape.n_tokens && status == FT_OK; t++) {
        backend->to_host(backend, d->host, d->tokens + (t + 1) * n_paths, (size_t)n_paths * 4);
        for (int64_t p = 0; p < n_paths; p++) {
            tokens[p * d->shape.n_tokens + t] = (int32_t)d->host[p];
            if ((int32_t)d->host[p] < 0)
                status =
                    ft_fail(err, FT_DIVERGED, "no token could be drawn: the model's logits are not finite");
        }
    }
    return status;
}
