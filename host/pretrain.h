/* `ftgpu pretrain`: a fresh model, or one to go on from, trained on artificial series, as
 * a model directory. docs/pretraining.md. */
#ifndef FT_HOST_PRETRAIN_H
#define FT_HOST_PRETRAIN_H

#include "host/experiment/engine.h"
#include "model/pretrain.h"

typedef struct ft_pretrain_job {
    const char *size;  /* of a fresh model: ft_config_for_size; NULL with a model */
    const char *model; /* to go on from, as --model names one; NULL with a size */
    /* the directory: holds the checkpoint, in the end model.safetensors, config.json and
     * pretraining.json */
    const char *out;
    bool stores_bf16; /* the model's file is bf16, half the size; else f32 */
    /* lengths 0: the size's or the model's. Checkpoint, callbacks and comm are filled
     * in. */
    ft_pretrain_settings settings;
} ft_pretrain_job;

/* Trains, or resumes from the checkpoint in job->out, and writes the model.
 * FT_BAD_INPUT where a model is there already. FT_INTERRUPTED as in ft_pretrain. */
ft_status ft_run_pretraining(ft_engine *engine, const ft_pretrain_job *job, ft_pretrain_result *result,
                             ft_error *err);

#endif
