/* How much device memory an adapter batch will take; see memory_estimate.h. */
#include "host/sweep/memory_estimate.h"

#include <math.h>
#include <stdlib.h>

#include "host/search/train_config.h"
#include "model/trainer.h"

/* A configuration that needs at least as much memory as each of these. */
static ft_hyperparameters largest_of(const ft_hyperparameters *const *configs, size_t count)
{
    ft_hyperparameters worst = *configs[0];
    for (size_t i = 1; i < count; i++) {
        const ft_hyperparameters *c = configs[i];
        if (c->batch_size > worst.batch_size) worst.batch_size = c->batch_size;
        if (c->lora_rank > worst.lora_rank) worst.lora_rank = c->lora_rank;
        if (ft_window_stride(c) < ft_window_stride(&worst)) worst.window_stride = ft_window_stride(c);
        if (c->keep == FT_KEEP_BEST) worst.keep = FT_KEEP_BEST;
        worst.lora_targets |= c->lora_targets;
    }
    return worst;
}

ft_status ft_memory_estimate_bytes(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t slots,
                                   int32_t ranks, size_t *bytes, ft_error *err)
{
    const ft_hyperparameters worst = largest_of(configs, count);
    const ft_dtype matrix = bf16 ? FT_BF16 : FT_F32;
    ft_train_config *same = calloc((size_t)slots, sizeof *same);
    if (!same) return ft_no_memory(err, "the plan", (size_t)slots * sizeof *same);
    for (int32_t i = 0; i < slots; i++)
        same[i] = ft_train_config_of(&worst, &run_context->weights->config, run_context->start);
    ft_comm together = {.size = ranks}; /* the measurement reads only the size */
    ft_train_settings settings = {.context_length = (int32_t)worst.context_length,
                                  .prediction_length = (int32_t)worst.prediction_length,
                                  .slots = slots,
                                  .comm = &together};
    size_t host_bytes = 0;
    ft_status status = ft_train_bytes(FT_F32, matrix, pass_rows, run_context->weights, run_context->series,
                                      (int32_t)run_context->dataset.n_items, same, slots, &settings, bytes,
                                      &host_bytes, err);
    free(same);
    /* A device that cuts its steps is the CPU (docs/architecture.md §3): its memory is
     * the host's. */
    if (pass_rows > 0) *bytes += host_bytes;
    /* oneDNN packs each weight twice, for forward and for backward. */
    size_t parameters = 0;
    for (int32_t i = 0; i < ft_tensor_count(&run_context->weights->config); i++) {
        ft_tensor_info info = ft_tensor_describe(&run_context->weights->config, i);
        parameters += (size_t)info.rows * (size_t)info.cols;
    }
    *bytes += parameters * 2 * ft_dtype_bytes(matrix);
    return status;
}

ft_status ft_memory_estimate_slots(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t most,
                                   int32_t ranks, size_t memory_bytes, int32_t *out, ft_error *err)
{
    int32_t slots = (size_t)most < count ? most : (int32_t)count;
    for (; slots > 1 && memory_bytes > 0; slots -= (slots + 7) / 8) {
        size_t bytes = 0;
        ft_status status =
            ft_memory_estimate_bytes(run_context, bf16, pass_rows, configs, count, slots, ranks, &bytes, err);
        if (status != FT_OK) return status;
        if (bytes <= memory_bytes / 5 * 4) break;
    }
    *out = slots > 0 ? slots : 1;
    return FT_OK;
}

int32_t ft_memory_estimate_busy_slots(const ft_hyperparameters *const *configs, size_t count, int32_t ranks,
                                      int64_t busy_rows)
{
    double rows = 0, busy = (double)ranks * (double)busy_rows;
    for (size_t i = 0; i < count; i++)
        rows += (double)configs[i]->batch_size *
                (double)(configs[i]->context_length + configs[i]->prediction_length + 2);
    double slots = ceil(busy / (rows / (double)count));
    return slots < (double)count ? (int32_t)fmax(slots, 1) : (int32_t)count;
}
