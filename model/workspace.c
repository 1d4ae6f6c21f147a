/* The memory of a pass; see workspace.h. */
#include "model/workspace.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/adapter_kinds.h"
#include "model/arena.h"
#include "model/packed_inputs.h"

int64_t ft_lora_u_width(const ft_model_config *config, ft_stack stack, int32_t n_blocks,
                        ft_projection_modules modules, uint32_t targets, int32_t rank)
{
    int64_t columns = 0;
    for (int32_t m = 0; m < modules.count; m++) {
        int32_t module = (int32_t)modules.first + m;
        ft_tensor_info info =
            ft_tensor_describe(config, ft_block_tensor(config, stack, 0, (ft_module)module));
        if (info.rows > 0 && (ft_target_of(&info) & targets)) columns += (int64_t)n_blocks * rank;
    }
    return columns;
}

/* The rank where the shape has LoRA, else 0. */
static int32_t rank_of(const ft_pass_shape *shape)
{
    return ft_adapter_kinds[shape->kind].is_low_rank ? shape->rank : 0;
}

static int64_t u_columns(const ft_model_config *config, const ft_pass_shape *shape, ft_stack stack,
                         ft_projection projection)
{
    return ft_lora_u_width(config, stack, 1, ft_modules_of(projection), shape->targets, rank_of(shape));
}

static int64_t cross_u_columns(const ft_model_config *config, const ft_pass_shape *shape)
{
    return ft_lora_u_width(config, FT_DECODER, config->n_decoder_layers, ft_cross_kv_modules(),
                           shape->targets, rank_of(shape));
}

static void cut_block(ft_arena *c, const ft_backend *backend, const ft_model_config *config,
                      const ft_pass_shape *shape, ft_stack stack, ft_block_activations *block)
{
    bool decoder = stack == FT_DECODER;
    int64_t length = decoder ? shape->decoder_length : shape->encoder_length;
    int64_t rows = shape->n_sequences * length, inner = ft_inner_dim(config), d_model = config->d_model;
    size_t real_bytes = ft_dtype_bytes(backend->real);
    size_t lse_bytes = (size_t)(rows * config->n_heads) * real_bytes;
    *block = (ft_block_activations){0};
    block->x_self = ft_arena_tensor(c, backend->real, rows, d_model);
    block->x_ff = ft_arena_tensor(c, backend->real, rows, d_model);
    block->h_self = ft_arena_tensor(c, backend->matrix, rows, d_model);
    block->h_ff = ft_arena_tensor(c, backend->matrix, rows, d_model);
    block->rstd_self = ft_arena_cut(c, (size_t)rows * real_bytes);
    block->rstd_ff = ft_arena_cut(c, (size_t)rows * real_bytes);
    block->qkv = ft_arena_tensor(c, backend->matrix, rows, 3 * inner);
    block->self_out = ft_arena_tensor(c, backend->matrix, rows, inner);
    block->self_lse = shape->backward ? ft_arena_cut(c, lse_bytes) : NULL;
    block->f = ft_arena_tensor(c, backend->matrix, rows, config->d_ff);
    if (decoder) {
        block->x_cross = ft_arena_tensor(c, backend->real, rows, d_model);
        block->h_cross = ft_arena_tensor(c, backend->matrix, rows, d_model);
        block->rstd_cross = ft_arena_cut(c, (size_t)rows * real_bytes);
        block->cross_q = ft_arena_tensor(c, backend->matrix, rows, inner);
        block->cross_out = ft_arena_tensor(c, backend->matrix, rows, inner);
        block->cross_lse = shape->backward ? ft_arena_cut(c, lse_bytes) : NULL;
    }
    for (int p = 0; p < FT_PROJECTIONS; p++) {
        int64_t columns = u_columns(config, shape, stack, (ft_projection)p);
        if (columns > 0) block->u[p] = ft_arena_tensor(c, backend->real, rows, columns);
    }
}

static void cut_stack(ft_arena *c, ft_workspace *w, const ft_model_config *config, ft_stack stack)
{
    const ft_pass_shape *shape = &w->shape;
    bool decoder = stack == FT_DECODER;
    int32_t n_layers = decoder ? config->n_decoder_layers : config->n_encoder_layers;
    int64_t rows = (int64_t)shape->n_sequences * (decoder ? shape->decoder_length : shape->encoder_length);
    ft_stack_activations *activations = &w->stack[stack];
    ft_block_activations local;
    activations->blocks = w->table ? w->table + (decoder ? config->n_encoder_layers : 0) : NULL;
    for (int32_t b = 0; b < n_layers; b++) {
        ft_block_activations *block = activations->blocks ? &activations->blocks[b] : &local;
        if (b == 0 || shape->backward)
            cut_block(c, w->backend, config, shape, stack, block);
        else if (activations->blocks)
            *block = activations->blocks[0];
    }
    activations->x_final = ft_arena_tensor(c, w->backend->real, rows, config->d_model);
    activations->out = ft_arena_tensor(c, w->backend->matrix, rows, config->d_model);
    activations->rstd_final = ft_arena_cut(c, (size_t)rows * ft_dtype_bytes(w->backend->real));
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Columns of du: of the call of lora_backward with the most targets. */
static int64_t du_columns(const ft_model_config *config, const ft_pass_shape *shape)
{
    int64_t most = cross_u_columns(config, shape), at_once = (int64_t)FT_LORA_TARGETS * shape->rank;
    if (most > at_once) most = at_once;
    for (int p = 0; p < FT_PROJECTIONS; p++)
        most = larger(most, u_columns(config, shape, FT_DECODER, (ft_projection)p));
    return most;
}

/* Cuts everything; with a NULL base only w->bytes is meaningful. */
static void lay_out(ft_workspace *w, const ft_model_config *config, char *base)
{
    const ft_pass_shape *s = &w->shape;
    ft_dtype real = w->backend->real, matrix = w->backend->matrix;
    ft_arena c = {.base = base, .on_host = w->backend->host_memory};
    int64_t encoder_rows = (int64_t)s->n_sequences * s->encoder_length;
    int64_t decoder_rows = (int64_t)s->n_sequences * s->decoder_length;
    int64_t rows = larger(encoder_rows, decoder_rows), inner = ft_inner_dim(config);
    cut_stack(&c, w, config, FT_ENCODER);
    if (s->decoder_length > 0) {
        cut_stack(&c, w, config, FT_DECODER);
        w->cross_kv = ft_arena_tensor(&c, matrix, encoder_rows, 2 * inner * config->n_decoder_layers);
        w->cross_u = ft_arena_tensor(&c, real, encoder_rows, cross_u_columns(config, s));
    }
    w->y = ft_arena_tensor(&c, matrix, rows, config->d_model);
    if (s->decoder_length > 0) w->logits = ft_arena_tensor(&c, real, decoder_rows, config->vocab_size);
    if (s->backward) {
        w->dx = ft_arena_tensor(&c, real, rows, config->d_model);
        w->dh = ft_arena_tensor(&c, real, rows, config->d_model);
        w->dy = ft_arena_tensor(&c, matrix, rows, config->d_model);
        w->d_encoder_out = ft_arena_tensor(&c, real, encoder_rows, config->d_model);
        w->d_wide = ft_arena_tensor(&c, matrix, rows, larger(3 * inner, config->d_ff));
        w->d_attention = ft_arena_tensor(&c, matrix, rows, inner);
        w->dq = ft_arena_tensor(&c, matrix, decoder_rows, inner);
        w->du = ft_arena_tensor(&c, real, rows, du_columns(config, s));
    }
    w->input_bytes = ft_packed_bytes(s->n_adapters, s->n_sequences, s->encoder_length, s->decoder_length);
    w->inputs = ft_arena_cut(&c, w->input_bytes);
    w->loss_sum = ft_arena_cut(&c, 2 * (size_t)s->n_adapters * sizeof(double));
    w->grad_norm = w->loss_sum ? w->loss_sum + s->n_adapters : NULL;
    w->loss_before = ft_arena_cut(&c, (size_t)s->n_adapters * sizeof(double));
    w->bytes = c.used;
}

size_t ft_workspace_bytes(ft_backend *backend, const ft_model_config *config, const ft_pass_shape *shape)
{
    ft_workspace w = {.backend = backend, .shape = *shape};
    lay_out(&w, config, NULL);
    return w.bytes;
}

ft_status ft_workspace_create(ft_backend *backend, const ft_model_config *config, const ft_pass_shape *shape,
                              ft_workspace **out, ft_error *err)
{
    *out = NULL;
    size_t n_blocks = (size_t)config->n_encoder_layers + (size_t)config->n_decoder_layers;
    ft_workspace *w = calloc(1, sizeof *w);
    if (!w) return ft_no_memory(err, "a workspace", sizeof *w);
    w->backend = backend;
    w->shape = *shape;
    w->table = calloc(n_blocks, sizeof *w->table);
    if (!w->table) {
        free(w);
        return ft_no_memory(err, "a workspace", n_blocks * sizeof *w->table);
    }
    size_t bytes = ft_workspace_bytes(backend, config, shape);
    w->memory = backend->allocate(backend, bytes, err);
    if (!w->memory) {
        char what[160];
        snprintf(what, sizeof what, "a pass of %d sequences of %d + %d tokens%s", (int)shape->n_sequences,
                 (int)shape->encoder_length, (int)shape->decoder_length,
                 shape->backward ? " (a smaller batch_size or context_length needs less)" : "");
        ft_workspace_free(w);
        ft_error_prefix(err, what); /* after it, what the device says */
        return FT_NO_MEMORY;
    }
    lay_out(w, config, w->memory);
    *out = w;
    return FT_OK;
}

void ft_workspace_free(ft_workspace *w)
{
    if (!w) return;
    if (w->memory) w->backend->release(w->backend, w->memory);
    free(w->table);
    free(w);
}
