/* Three different adapters trained in one batch on a golden model, step by step. */
#ifndef FT_TESTS_UNIT_MODEL_ADAPTER_BATCH_H
#define FT_TESTS_UNIT_MODEL_ADAPTER_BATCH_H

#include "golden.h"

enum { BATCH_ADAPTERS = 3 };

/* What differs between the adapters of the batch. */
typedef struct batch_setting {
    ft_adapter_spec spec;
    int32_t sequences;
    float learning_rate, weight_decay, max_grad_norm, model_dropout;
    uint32_t seed;
} batch_setting;
extern const batch_setting batch_settings[BATCH_ADAPTERS];

/* A training of adapters [first, first + count). */
typedef struct batch_training {
    const golden_model *model;
    int first, count;
    ft_trainable *trainable;
    ft_stepper *stepper;
    /* windows: (n_batches, per_batch) sequences of the golden file */
    int64_t n_batches, per_batch, encoder_length, decoder_length;
    int32_t *ids, *labels;
    uint8_t *mask;
} batch_training;

/* Adapter g as it starts, to be freed. */
ft_adapter *batch_adapter(const golden_model *model, int g);
/* comm: of the devices that share the training, or NULL. */
batch_training batch_training_open(const golden_model *model, int first, int count, ft_comm *comm);
/* The inputs of the step of that number, from 0: other windows in each. */
void batch_training_fill(const batch_training *training, int step, ft_inputs *inputs);
/* The step of that number. */
void batch_training_step(batch_training *training, int step);
ft_status batch_training_try(batch_training *training, int step,
                             ft_error *err); /* the same, if it can fail */
void batch_training_close(batch_training *training);

#endif
