/* Names used by PEFT, transformers, Chronos' scripts and forecasting libraries; see
 * synonyms.h. */
#include "host/search/synonyms.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A name of ftgpu's and its synonyms, with blanks around each. */
typedef struct synonyms {
    const char *name, *others;
} synonyms;

static const synonyms hyperparameters[] = {
    {"learning_rate", " lr base_lr max_lr init_lr initial_lr learning_rate_init learningrate "},
    {"epochs", " epoch num_epochs n_epochs nb_epochs max_epochs num_train_epochs train_epochs epoch_count "},
    {"context_length",
     " context max_context context_len context_size ctx ctx_len lookback look_back lookback_window "
     "history history_length input_size input_length input_chunk_length seq_len sequence_length "
     "max_seq_length "},
    {"prediction_length",
     " horizon h fh forecast_horizon forecast_length pred_len pred_length prediction_len "
     "output_length output_chunk_length "},
    {"batch_size", " batch bs batchsize train_batch_size per_device_train_batch_size per_device_batch_size "
                   "mini_batch_size minibatch_size "},
    {"warmup_steps", " warmup num_warmup_steps warmup_step lr_warmup_steps "},
    {"weight_decay", " wd weightdecay adam_weight_decay l2 l2_reg "},
    {"adapter_type", " adapter peft peft_type peft_method method tuning_type finetuning_type finetune_mode "},
    {"lora_rank", " r rank lora_r lora_dim lora_d adapter_rank "},
    {"lora_alpha", " alpha "},
    {"dropout_rate", " lora_dropout dropout lora_dropout_rate lora_drop adapter_dropout "},
    {"lora_targets", " target_modules lora_target_modules lora_modules lora_target targets modules "},
    {"use_rslora", " rslora rs_lora rank_stabilized "},
    {"lr_scheduler", " lr_scheduler_type scheduler scheduler_type schedule lr_schedule "},
    {"model_dropout",
     " attention_dropout attn_dropout hidden_dropout attention_probs_dropout_prob t5_dropout "},
    {"max_grad_norm",
     " grad_clip gradient_clip gradient_clip_val gradient_clipping clip_grad clip_grad_norm max_norm "
     "clip_norm grad_norm "},
    {"window_stride", " stride step window_step slide "},
    {"window_shift", " shift jitter random_shift "},
    {"early_stopping_patience", " patience early_stopping_rounds "},
    {"keep",
     " load_best_model_at_end save_best restore_best_weights restore_best checkpoint_choice keep_best "},
    {"seed", " random_seed random_state rng_seed manual_seed "},
};

static const synonyms options[] = {
    {"horizon", " h steps forecast_horizon prediction_length pred_len forecast_length n_steps "},
    {"context-length", " context lookback max_context context_len "},
    {"out", " o output output_file outfile out_file save save_to to output_dir "},
    {"results", " results_dir result_dir results_path output_dir logdir log_dir experiments "},
    {"num-samples", " samples n_samples nsamples num_sample sample_count paths "},
    {"quantiles", " quantile quantile_levels levels q prediction_intervals "},
    {"timestamp",
     " date time date_column time_column timestamp_column date_col time_col ds index index_col "},
    {"id", " id_column id_col item_id series_id unique_id series group group_by "},
    {"target", " target_column target_col y label column value value_column "},
    {"model",
     " model_path model_dir model_id model_name model_name_or_path base_model base pretrained checkpoint "},
    {"adapter", " adapter_path adapter_dir lora lora_path peft "},
    {"experiment", " run run_id experiment_id exp "},
    {"data", " input input_file infile file csv data_path data_file dataset df "},
    {"train", " train_data train_file train_path training "},
    {"val", " validation valid val_data val_file eval eval_data dev "},
    {"test", " test_data test_file test_path "},
    {"device", " gpu gpus cuda accelerator "},
    {"dtype", " precision torch_dtype bf16 fp32 mixed_precision "},
    {"threads", " num_threads n_threads nthreads cpus n_jobs jobs cores "},
    {"workers", " num_workers n_workers nproc n_jobs jobs parallel "},
    {"name", " run_name experiment_name exp_name sweep_name "},
    {"notes", " note comment description "},
    {"set", " param params hp hyperparameter hyperparameters config override "},
    {"grid", " param_grid grid_search search sweep "},
    {"configs", " config config_file list "},
    {"format", " output_format type fmt "},
    {"season", " seasonality season_length period m "},
    {"split", " splits split_ratio ratios fractions "},
    {"csv", " out output output_file file o "},
    {"seed", " random_seed random_state "},
};

enum { NAME_CHARS = 48 };

/* Writes the name with blanks around it, in lower case with underscores. False if it
 * is too long to be one. */
static bool spell(const char *name, char out[NAME_CHARS + 3])
{
    const size_t length = strlen(name);
    if (length == 0 || length > NAME_CHARS) return false;
    out[0] = out[length + 1] = ' ';
    out[length + 2] = '\0';
    for (size_t i = 0; i < length; i++)
        out[i + 1] = name[i] == '-' || name[i] == ' ' ? '_' : (char)tolower((unsigned char)name[i]);
    return true;
}

/* Whether `word`, as spell() writes it, is a synonym, or the name itself in another
 * spelling. */
static bool is_called(const synonyms *one, const char *word)
{
    char own[NAME_CHARS + 3];
    return strstr(one->others, word) || (spell(one->name, own) && strcmp(own, word) == 0);
}

const char *ft_hyperparameter_synonym(const char *name)
{
    char word[NAME_CHARS + 3];
    if (!spell(name, word)) return NULL;
    for (size_t i = 0; i < sizeof hyperparameters / sizeof *hyperparameters; i++)
        if (is_called(&hyperparameters[i], word)) return hyperparameters[i].name;
    return NULL;
}

const char *ft_option_synonym(const char *name, const char *const *names, size_t count)
{
    char word[NAME_CHARS + 3];
    if (!spell(name, word)) return NULL;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!is_called(&options[i], word)) continue;
        for (size_t k = 0; k < count; k++)
            if (strcmp(names[k], options[i].name) == 0) return names[k];
    }
    return NULL;
}
