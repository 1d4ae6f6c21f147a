/* The verdict on the best experiment: whether it beats the baselines that its run
 * recorded (seasonal naive, the model before tuning), and beyond chance. */
#ifndef FT_TRACKER_VERDICT_H
#define FT_TRACKER_VERDICT_H

#include "base/json.h"
#include "base/text.h"
#include "tracker/experiments.h"

typedef enum ft_verdict {
    FT_VERDICT_NONE, /* no baselines are recorded */
    FT_VERDICT_SHIP,
    /* ahead of all, but of one by no more than chance explains, or without an interval */
    FT_VERDICT_NOT_YET,
    FT_VERDICT_DO_NOT_SHIP,
} ft_verdict;
extern const char *const ft_verdict_names[]; /* for programs: "ship" */

/* The experiment against one baseline. */
typedef struct ft_against {
    /* the baseline's, in the experiment's record; "zero_shot": the model before tuning */
    const char *name;
    double value;    /* the baseline's metric */
    double ahead;    /* by how much the experiment is better, in ft_metric_cost */
    double margin;   /* half the 95 % interval of `ahead`; NaN: not known */
    const char *why; /* why `margin` is not known; else NULL */
    /* windows (or series, where there are several) that give a test of this `ahead` a
     * power of 80 %; NaN: not known */
    double n_needed;
    /* if the verdict is FT_VERDICT_DO_NOT_SHIP: how many experiments have this baseline
     * in their own runs, and how many of those beat it, on the same split */
    size_t n_compared, n_better;
} ft_against;

enum { FT_MOST_BASELINES = 4 };
typedef struct ft_judgement {
    ft_verdict verdict;
    ft_metric metric;
    ft_split split;     /* that judges */
    bool is_optimistic; /* the experiment was chosen by that split, too */
    double value;       /* the experiment's metric */
    int64_t season;     /* of seasonal_naive, in rows; 0: not recorded */
    size_t n_windows, n_series;
    ft_against against[FT_MOST_BASELINES];
    size_t n_baselines;
} ft_judgement;

/* Judges an experiment that was chosen from `all` by `chosen_by`, all of them with their
 * runs (FT_BASELINES): on test, where it has the metric there, else on the split that
 * chose. Intervals are those of ft_confidence_set, from the windows of forecasts.csv and
 * baselines.csv, and there are none but for test. */
ft_status ft_judge(const ft_experiment *experiment, const ft_experiments *all, ft_metric metric,
                   ft_split chosen_by, ft_judgement *judgement, ft_error *err);

/* Adds one sentence: ship it, or do not, and why. Nothing for FT_VERDICT_NONE. */
void ft_judgement_describe(const ft_judgement *judgement, ft_text *out);
/* Adds one sentence: the difference to a baseline with its interval, and how many
 * windows would tell. */
void ft_judgement_describe_against(const ft_judgement *judgement, const ft_against *against, ft_text *out);
/* The same for programs (docs/interface.md §4): the verdict's name, its sentence, metric
 * and split, and each baseline with `better_by` (`ahead`) and `margin`. The caller's,
 * free by cJSON_Delete; NULL when memory runs out. */
cJSON *ft_judgement_to_json(const ft_judgement *judgement);

#endif
