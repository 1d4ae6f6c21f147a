/* Pretraining: all parameters of a fresh model, trained on artificial series that are
 * drawn on the fly. docs/pretraining.md.
 *
 * With a number of steps the result depends on the settings alone and resuming gives the
 * bits of an uninterrupted training, on one device with one thread count. */
#ifndef FT_MODEL_PRETRAIN_H
#define FT_MODEL_PRETRAIN_H

#include "model/chronos.h"
#include "model/trainer.h"

typedef struct ft_pretrain_report {
    int64_t step;             /* optimizer steps taken */
    double done;              /* share of the training, 0 to 1 */
    double loss, grad_norm;   /* means since the report before */
    double val_loss;          /* NaN where this report has none */
    double learning_rate;     /* of the last step */
    double tokens_per_second; /* since the report before; encoder and decoder together */
    double seconds;           /* of training, over all starts */
} ft_pretrain_report;

typedef struct ft_pretrain_settings {
    /* optimizer steps; with `minutes` at most these, 0: as many as the minutes have */
    int64_t steps;
    double minutes; /* of training, over all starts; 0: by steps alone */
    int32_t batch_size, context_length, prediction_length;
    double learning_rate; /* at its highest */
    /* share of the training in which it rises to that; then it falls to 0 in a line */
    double warmup;
    double weight_decay, max_grad_norm;
    float dropout;
    uint32_t seed;
    int threads; /* that draw series; 0: all cores */
    int32_t validation_series;
    const char *checkpoint;         /* a file: resumed from where it is there */
    double checkpoint_seconds;      /* between two of them; validation comes as often */
    double report_seconds;          /* between two reports of the training alone */
    ft_stop (*stop)(void *context); /* asked after each step; may be NULL */
    /* Tells how far the training is; may be NULL. */
    void (*report)(void *context, const ft_pretrain_report *report);
    void *context;
    ft_comm *comm; /* devices that share each step; NULL: this one alone */
} ft_pretrain_settings;

/* What was trained, when it is over. */
typedef struct ft_pretrain_result {
    int64_t steps, tokens; /* over all starts */
    double seconds, loss, val_loss;
} ft_pretrain_result;

/* Trains the model's weights, which begin as `weights` and are written back there.
 * FT_INTERRUPTED: stopped, and all is in the checkpoint. The model is of no use
 * afterwards. */
ft_status ft_pretrain(ft_chronos *model, ft_weights *weights, const ft_pretrain_settings *settings,
                      ft_pretrain_result *result, ft_error *err);

#endif
