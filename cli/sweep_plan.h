/* The plan of a sweep in words and tables, for `ftgpu sweep --dry-run`. */
#ifndef FT_CLI_SWEEP_PLAN_H
#define FT_CLI_SWEEP_PLAN_H

#include <cjson/cJSON.h>

#include "host/sweep/run.h"
#include "tracker/table.h"

/* Prints the plan to stdout, a row a configuration: its number, what varies, its batch,
 * and the configuration whose training it is recorded from (trained_with), all from 1. */
ft_status ft_print_plan(const ft_sweep *sweep, ft_table_format format, ft_error *err);

/* Prints the figures of ft_dry_run to stderr: a line for all, and one for each of at most
 * 20 batches. */
void ft_tell_plan_figures(const cJSON *figures);

#endif
