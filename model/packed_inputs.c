/* The inputs of a pass in one block; see packed_inputs.h. */
#include "model/packed_inputs.h"

#include <string.h>

#include "model/arena.h"

typedef struct packer {
    ft_arena device;
    char *host; /* the same block on the host; NULL: nothing is copied */
} packer;

/* Puts an array behind those before it; returns its place on the device. */
static void *put(packer *to, const void *values, size_t bytes)
{
    if (to->host && bytes) memcpy(to->host + to->device.used, values, bytes);
    return ft_arena_cut(&to->device, bytes);
}

static void put_all(packer *to, ft_workspace *w, const ft_inputs *in)
{
    const size_t adapters = (size_t)in->n_adapters, sequences = (size_t)in->n_sequences;
    const size_t encoder = sequences * (size_t)in->encoder_length,
                 decoder = sequences * (size_t)in->decoder_length;
    w->sequence_start = put(to, in->sequence_start, (adapters + 1) * sizeof *w->sequence_start);
    w->sequence_offset = put(to, in->sequence_offset, adapters * sizeof *w->sequence_offset);
    w->adapter_of = put(to, in->adapter_of, sequences * sizeof *w->adapter_of);
    w->encoder_ids = put(to, in->encoder_ids, encoder * sizeof *w->encoder_ids);
    w->key_mask = put(to, in->key_mask, encoder);
    w->decoder_ids = put(to, in->decoder_ids, decoder * sizeof *w->decoder_ids);
    w->labels = put(to, in->labels, decoder * sizeof *w->labels);
    w->seed = put(to, in->seed, adapters * sizeof *w->seed);
    w->step = put(to, in->step, adapters * sizeof *w->step);
    w->model_dropout = put(to, in->model_dropout, adapters * sizeof(float));
    w->lora_dropout = put(to, in->lora_dropout, adapters * sizeof(float));
    w->lora_scale = put(to, in->lora_scale, adapters * sizeof(float));
    w->label_scale = put(to, in->label_scale, adapters * sizeof(float));
    w->learning_rate = put(to, in->learning_rate, adapters * sizeof(float));
    w->weight_decay = put(to, in->weight_decay, adapters * sizeof(float));
    w->max_grad_norm = put(to, in->max_grad_norm, adapters * sizeof(float));
}

size_t ft_packed_bytes(int32_t n_adapters, int32_t n_sequences, int32_t encoder_length,
                       int32_t decoder_length)
{
    const ft_inputs shape = {.n_adapters = n_adapters,
                             .n_sequences = n_sequences,
                             .encoder_length = encoder_length,
                             .decoder_length = decoder_length};
    packer measured = {.host = NULL};
    ft_workspace ignored;
    put_all(&measured, &ignored, &shape);
    return measured.device.used;
}

void ft_packed_upload(ft_workspace *w, const ft_inputs *in)
{
    ft_backend *backend = w->backend;
    packer packed = {.device = {.base = w->inputs}, .host = in->packed},
           placed = {.device = {.base = w->inputs, .on_host = backend->host_memory}};
    if (backend->host_memory) FT_UNPOISON(w->inputs, w->input_bytes);
    put_all(&packed, w, in);
    backend->to_device(backend, w->inputs, in->packed, packed.device.used);
    put_all(&placed, w, in); /* once more for the red zones between the arrays */
}
