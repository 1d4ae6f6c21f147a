/* What the parity tests share: golden files, and a model with an adapter on a backend,
 * ready for passes. A failure to set up ends the test. See tests/golden/README.md. */
#ifndef FT_TESTS_GOLDEN_H
#define FT_TESTS_GOLDEN_H

#include <stdint.h>

#include "base/json.h"
#include "model/pass.h"
#include "model/safetensors.h"
#include "model/step.h"

/* A backend that the goldens are run on, and how near it must come. */
typedef struct golden_backend {
    const char *label; /* "cpu f32" */
    bool bf16;
    ft_status (*create)(ft_backend **backend, ft_error *err);
} golden_backend;
enum { GOLDEN_BACKENDS = 4 };
/* support_backends.c; tests/simt puts those of the simulated GPU in their place. */
extern const golden_backend golden_backends[GOLDEN_BACKENDS];

ft_safetensors *golden_open(const char *file); /* "forward_tied.safetensors" */
void golden_close(ft_safetensors *file);
/* Whole tensors, to be freed. *count may be NULL. */
float *golden_floats(const ft_safetensors *file, const char *name, int64_t *count);
int32_t *golden_integers(const ft_safetensors *file, const char *name, int64_t *count);
uint8_t *golden_bytes(const ft_safetensors *file, const char *name, int64_t *count);
int64_t golden_dim(const ft_safetensors *file, const char *name, int dim);
cJSON *golden_json(const char *file);
char *golden_path(const char *name);

/* ||a - b|| / ||b||, in double. */
double golden_distance(const float *a, const float *b, int64_t count);

/* A model on a backend with one adapter. */
typedef struct golden_model {
    ft_backend *backend;
    ft_weights *weights;
    ft_chronos *chronos;
    ft_adapter *adapter; /* NULL: the base alone */
    ft_trainable *trainable;
} golden_model;

/* adapter: a directory of tests/golden, "full" for full training, or NULL. */
golden_model golden_model_open(const golden_backend *backend, const char *model, const char *adapter,
                               bool for_training);
void golden_model_close(golden_model *model);

/* Fills inputs from input_ids, attention_mask and labels of `file`, batch `index` where
 * they have three dimensions. */
void golden_load_batch(const ft_safetensors *file, int64_t index, ft_inputs *inputs);
/* The shape of such a batch with what the trainable needs. */
ft_pass_shape golden_shape(const golden_model *model, const ft_safetensors *file, bool backward);

#endif
