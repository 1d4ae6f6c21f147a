/* Whether the best experiment is of any use: how it does against the baselines that
 * its run recorded. */
#ifndef FT_TRACKER_VERDICT_H
#define FT_TRACKER_VERDICT_H

#include "base/text.h"
#include "tracker/experiments.h"

typedef enum ft_verdict {
    FT_VERDICT_NONE, /* no baselines are recorded */
    FT_VERDICT_SHIP,
    /* ahead of all, but of one by no more than chance explains, or by too few windows */
    FT_VERDICT_NOT_YET,
    FT_VERDICT_DO_NOT_SHIP,
} ft_verdict;

/* The experiment against one baseline, in the metric's cost. */
typedef struct ft_against {
    const char *name; /* the experiment's; "zero_shot" is the model before tuning */
    double value;     /* the baseline's metric */
    double ahead;     /* by how much the experiment is better */
    double margin;    /* half the 95 % interval of that; NaN where it is not known */
    const char *why;  /* why not; else NULL */
    bool has_too_few; /* windows or series for an interval: more of them would tell */
    /* windows, or series, at which an `ahead` like this is found 4 times in 5; else
     * NaN */
    double n_needed;
    /* of a verdict FT_VERDICT_DO_NOT_SHIP: experiments whose own runs recorded this
     * baseline, and those that are better than it, on the same split */
    size_t n_compared, n_better;
} ft_against;

enum { FT_MOST_BASELINES = 4 };
typedef struct ft_judgement {
    ft_verdict verdict;
    ft_metric metric;
    ft_split split;     /* that judges */
    bool is_optimistic; /* the best was chosen by that split, too */
    double value;       /* the experiment's metric */
    size_t n_windows, n_series;
    ft_against against[FT_MOST_BASELINES];
    size_t n_baselines;
} ft_judgement;

/* Judges an experiment (read whole, with its run) that was chosen from `all` by
 * `chosen_by`: on test, where it has the metric there, else on the split that chose.
 * Intervals are those of ft_confidence_set, from the windows of forecasts.csv and
 * baselines.csv, and there are none but for test. */
ft_status ft_judge(const ft_experiment *experiment, const ft_experiments *all, ft_metric metric,
                   ft_split chosen_by, ft_judgement *judgement, ft_error *err);

/* Adds one sentence: ship it, or do not, and why. Nothing for FT_VERDICT_NONE. */
void ft_judgement_describe(const ft_judgement *judgement, ft_text *out);
/* Adds one sentence: the difference to a baseline with its interval, and how many
 * windows would tell. */
void ft_judgement_describe_against(const ft_judgement *judgement, const ft_against *against, ft_text *out);

#endif
