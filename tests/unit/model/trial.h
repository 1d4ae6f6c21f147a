/* A small training of a few configurations, and what was handed over of each: for tests
 * of the trainer and its checkpoints. */
#ifndef FT_TESTS_UNIT_MODEL_TRIAL_H
#define FT_TESTS_UNIT_MODEL_TRIAL_H

#include "golden.h"
#include "model/trainer.h"

enum { N_CONFIGS = 5, ROWS = 150, CONTEXT = 24, PREDICTION = 8, MOST_EPOCHS = 4 };

/* What was handed over of one configuration at one length. */
typedef struct taken {
    ft_status status;
    ft_epoch history[MOST_EPOCHS];
    int32_t n_epochs, best_epoch, kept_epoch, times;
    bool ended, pruned;
    ft_adapter *adapter;
} taken;

typedef struct trial {
    golden_model model;
    float values[ROWS];
    ft_series series;
    taken at[N_CONFIGS][MOST_EPOCHS + 1]; /* by configuration and finished epochs */
    int steps, stop_after;                /* stop_after: steps; 0: never */
    /* the configuration to prune after its first epoch, or -1 */
    int prune;
    /* configurations in the order of their epochs' ends */
    int order[64], n_order;
    /* the end of an epoch: nobody says what to prune */
    bool is_unanswered;
    /* results that are taken before the next one fails, as in a crash; -1: all */
    int results_left;
    int most_results; /* that were delivered together */
    int n_said;       /* lines that were said, and the last of them */
    char said[1024];
} trial;

void trial_open(trial *t);
/* What was handed over so far counts no more. */
void trial_forget(trial *t);
void trial_close(trial *t);

/* Configuration `index`: each of the five differs from the others in something. */
ft_train_config trial_config(int index);
void trial_configs(ft_train_config configs[N_CONFIGS]);
/* With the trial's callbacks. */
ft_train_settings trial_settings(trial *t, int32_t slots, const char *checkpoint);
/* Trains; another status than FT_OK and FT_INTERRUPTED ends the test. */
ft_status trial_train(trial *t, const ft_train_config *configs, int32_t n, int32_t slots,
                      const char *checkpoint);
/* Takes a result. */
void trial_take(trial *t, const ft_train_result *result);
/* The last result of a configuration. */
const taken *trial_last_of(const trial *t, int index);

/* The test fails unless both hold the same bits. */
void expect_same_results(const taken *one, const taken *two, int index);

#endif
