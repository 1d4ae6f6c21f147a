/* Keeps the report of a sweep (docs/report.md) up to date while it runs. */
#ifndef FT_HOST_SWEEP_LIVE_REPORT_H
#define FT_HOST_SWEEP_LIVE_REPORT_H

#include "host/sweep/run.h"

/* Whether the request's report can be written where it is to go, found by a file made and
 * removed beside it. FT_OK without a report. */
ft_status ft_live_report_check(const ft_sweep_request *request, ft_error *err);

/* Writes the report of all that is recorded of the sweep, whole or not at all, if
 * something was recorded since the last time; unless `at_once`, at most every few seconds
 * and in a twentieth of the time. If it cannot be written that is said, once. Cheap where
 * nothing is to do: call it often. */
void ft_live_report_update(ft_sweep *sweep, bool at_once);

#endif
