/* A report of experiments: one HTML page that needs no network. Its data are JSON inside
 * the page, which the page's script draws; nothing of the results is ever read as HTML.
 * docs/report.md. */
#ifndef FT_TRACKER_REPORT_H
#define FT_TRACKER_REPORT_H

#include "base/text.h"
#include "tracker/experiments.h"

typedef struct ft_report_request {
    const ft_experiments *experiments; /* loaded whole */
    ft_metric metric;                  /* that says which are good */
    ft_split split;                    /* that chooses */
    const char *results;               /* where they lie, for people */
} ft_report_request;

/* Adds the page. Experiments without the metric are shown, too, the last. No experiments
 * at all are FT_BAD_INPUT. */
ft_status ft_report_make(const ft_report_request *request, ft_text *page, ft_error *err);

/* The page's data alone; the caller's. */
ft_status ft_report_collect(const ft_report_request *request, cJSON **data, ft_error *err);

/* Whether this program was built with Chart.js; without, a report has tables alone. */
bool ft_report_has_charts(void);

#endif
