/* Inputs of a pass on the host and on the device; see pass.h. */
#include "model/pass.h"

#include <stdlib.h>
#include <string.h>

#include "model/arena.h"
#include "model/packed_inputs.h"
#include "model/sites.h"

/* Cuts the arrays out of one block and returns its size in bytes. With a NULL base only
 * the size matters. */
static size_t lay_out(ft_inputs *in, const ft_pass_shape *shape, char *base)
{
    const size_t adapters = (size_t)shape->n_adapters, sequences = (size_t)shape->n_sequences;
    const size_t encoder = sequences * (size_t)shape->encoder_length,
                 decoder = sequences * (size_t)shape->decoder_length;
    ft_arena c = {.base = base, .on_host = true};
    in->n_counted = ft_arena_cut(&c, adapters * sizeof *in->n_counted);
    in->sequence_start = ft_arena_cut(&c, (adapters + 1) * sizeof *in->sequence_start);
    in->encoder_ids = ft_arena_cut(&c, encoder * sizeof *in->encoder_ids);
    in->key_mask = ft_arena_cut(&c, encoder);
    in->labels = ft_arena_cut(&c, decoder * sizeof *in->labels);
    in->decoder_ids = ft_arena_cut(&c, decoder * sizeof *in->decoder_ids);
    in->adapter_of = ft_arena_cut(&c, sequences * sizeof *in->adapter_of);
    in->sequence_offset = ft_arena_cut(&c, adapters * sizeof *in->sequence_offset);
    in->seed = ft_arena_cut(&c, adapters * sizeof *in->seed);
    in->step = ft_arena_cut(&c, adapters * sizeof *in->step);
    float **reals[] = {&in->model_dropout, &in->lora_dropout, &in->lora_scale,   &in->label_scale,
                       &in->learning_rate, &in->weight_decay, &in->max_grad_norm};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        *reals[i] = ft_arena_cut(&c, adapters * sizeof(float));
    in->packed = ft_arena_cut(&c, ft_packed_bytes(shape->n_adapters, shape->n_sequences,
                                                  shape->encoder_length, shape->decoder_length));
    return c.used;
}

ft_status ft_inputs_create(const ft_pass_shape *shape, ft_inputs **out, ft_error *err)
{
    *out = NULL;
    ft_inputs *inputs = calloc(1, sizeof *inputs);
    const size_t bytes = inputs ? lay_out(inputs, shape, NULL) : sizeof *inputs;
    char *memory = inputs ? calloc(1, bytes) : NULL;
    if (!memory) {
        free(inputs);
        return ft_no_memory(err, "the inputs of a pass", bytes);
    }
    inputs->memory = memory;
    inputs->n_adapters = shape->n_adapters;
    inputs->encoder_length = shape->encoder_length;
    inputs->decoder_length = shape->decoder_length;
    lay_out(inputs, shape, memory);
    *out = inputs;
    return FT_OK;
}

void ft_inputs_free(ft_inputs *inputs)
{
    if (!inputs) return;
    free(inputs->memory);
    free(inputs);
}

void ft_inputs_set_rates(ft_inputs *inputs, int32_t adapter, ft_step_rates rates)
{
    inputs->learning_rate[adapter] = rates.learning_rate;
    inputs->weight_decay[adapter] = rates.weight_decay;
    inputs->max_grad_norm[adapter] = rates.max_grad_norm;
}

/* Decoder inputs from labels, shifted right, and the count of labels that each adapter's
 * loss is a mean over. */
static void derive(ft_inputs *in, const ft_model_config *config)
{
    for (int32_t g = 0; g < in->n_adapters; g++) {
        int64_t counted = 0;
        for (int32_t s = in->sequence_start[g]; s < in->sequence_start[g + 1]; s++) {
            in->adapter_of[s] = g;
            for (int32_t t = 0; t < in->decoder_length; t++) {
                int64_t at = (int64_t)s * in->decoder_length + t;
                int32_t previous = t == 0 ? config->decoder_start_token_id : in->labels[at - 1];
                in->decoder_ids[at] = previous == -100 ? config->pad_token_id : previous;
                counted += in->labels[at] != -100;
            }
        }
        if (!in->is_shard) in->n_counted[g] = counted;
        in->label_scale[g] = in->n_counted[g] > 0 ? 1.0f / (float)in->n_counted[g] : 0.0f;
    }
}

void ft_pass_load(ft_pass *pass, const ft_trainable *trainable, ft_workspace *w, ft_inputs *in)
{
    derive(in, &trainable->model->config);
    ft_packed_upload(w, in);
    *pass = (ft_pass){
        .trainable = trainable,
        .workspace = w,
        .batch = {.n_adapters = in->n_adapters,
                  .n_sequences = in->n_sequences,
                  .sequence_start = w->sequence_start,
                  .adapter_of = w->adapter_of,
                  .seed = w->seed,
                  .step = w->step,
                  .model_dropout = in->dropout ? w->model_dropout : NULL,
                  .lora_dropout = in->dropout ? w->lora_dropout : NULL,
                  .lora_scale = w->lora_scale,
                  .sequence_offset = w->sequence_offset},
        .encoder_length = in->encoder_length,
        .decoder_length = in->decoder_length,
    };
}

/* Without u. */
static ft_projection_use use_of(const ft_pass *pass, const ft_weight *weight, ft_stack stack,
                                int32_t first_block, int32_t n_blocks, ft_projection_modules modules)
{
    ft_projection_use use = {weight, stack, first_block, n_blocks, modules, 0, {0}};
    use.out_features =
        ft_tensor_describe(&pass->trainable->model->config, ft_pass_first_tensor(pass, &use)).rows;
    return use;
}

ft_projection_use ft_pass_projection(const ft_pass *pass, ft_stack stack, int32_t block,
                                     ft_projection projection)
{
    const ft_weight *weight = pass->trainable->model->blocks[stack][block].projection[projection];
    ft_projection_use use = use_of(pass, weight, stack, block, 1, ft_modules_of(projection));
    /* A workspace of decoding keeps no activations of this stack. */
    ft_block_activations *activations = pass->workspace->stack[stack].blocks;
    if (activations) use.u = activations[block].u[projection];
    return use;
}

ft_projection_use ft_pass_cross_kv(const ft_pass *pass)
{
    const ft_chronos *model = pass->trainable->model;
    ft_projection_use use =
        use_of(pass, model->cross_kv, FT_DECODER, 0, model->config.n_decoder_layers, ft_cross_kv_modules());
    use.u = pass->workspace->cross_u;
    return use;
}

int32_t ft_pass_first_tensor(const ft_pass *pass, const ft_projection_use *use)
{
    return ft_block_tensor(&pass->trainable->model->config, use->stack, use->first_block, use->modules.first);
}

bool ft_pass_lora(const ft_pass *pass, const ft_projection_use *use, int32_t *module, ft_lora *lora)
{
    const ft_model_config *config = &pass->trainable->model->config;
    int32_t end = use->n_blocks * use->modules.count;
    lora->n_targets = 0;
    for (; *module < end && lora->n_targets < FT_LORA_TARGETS; ++*module) {
        int32_t block = use->first_block + *module / use->modules.count;
        ft_module of_block = (ft_module)((int32_t)use->modules.first + *module % use->modules.count);
        ft_trainable_add_target(pass->trainable, ft_block_tensor(config, use->stack, block, of_block),
                                *module * use->out_features, ft_lora_site(use->stack, block, of_block), lora);
    }
    return lora->n_targets > 0;
}
