/* What a report's data consist of, a file each. Each fills members of the data's root
 * object, which docs/report.md lists. */
#ifndef FT_TRACKER_REPORT_PARTS_H
#define FT_TRACKER_REPORT_PARTS_H

#include "tracker/certainty.h"
#include "tracker/replicates.h"
#include "tracker/report/report.h"
#include "tracker/report/report_data.h"

/* What the parts share. */
typedef struct ft_report_ranking {
    const ft_report_request *request;
    /* (n_ranked): all experiments, the best configuration first, of replicates the
     * best; those without the metric last */
    const ft_experiment **ranked;
    size_t n_ranked;
    const ft_experiment *best; /* NULL: none has the metric */
    ft_replicates replicates;
    ft_rivals rivals; /* of the best */
} ft_report_ranking;

/* "verdict": the sentence, and the figures of the best and of its baselines behind it.
 * `why_none`: why there is no best. */
ft_status ft_report_add_verdict(const ft_report_ranking *ranking, const char *why_none, ft_report_data *data,
                                ft_error *err);
/* "hyperparameters", "constants", "experiments". */
ft_status ft_report_add_experiments(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err);
/* "findings" and "importance". */
ft_status ft_report_add_findings(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err);
/* "forecasts": test windows of the best. "unread" says why there are none. */
ft_status ft_report_add_windows(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err);
/* "target": empty where the best has no forecasts.csv. */
ft_status ft_report_add_target(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err);

#endif
