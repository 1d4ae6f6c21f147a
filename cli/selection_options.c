/* Loading the experiments that the options choose; see selection_options.h. */
#include "cli/selection_options.h"

#include <stdlib.h>

#include "base/file.h"
#include "tracker/select.h"

const char *const ft_split_choices[] = {"val", "test", NULL};

/* Says that a directory has no experiments. Where it is the one above fine_tuning, which
 * is an easy mistake, proposes that. */
static ft_status no_experiments(const char *results, ft_error *err)
{
    bool has_below = false;
    char *below = ft_join_path(results, "fine_tuning");
    ft_error ignored;
    if (below && ft_path_exists(below, &has_below, &ignored) != FT_OK) has_below = false;
    ft_status status = ft_fail(
        err, FT_BAD_INPUT, "%.400s: there are no experiments (run and sweep record them; --results %.400s)",
        results, has_below ? below : "DIR looks elsewhere");
    free(below);
    return status;
}

ft_status ft_selection_load(const ft_selection_options *selection, ft_detail detail, bool needed,
                            ft_experiments *experiments, ft_error *err)
{
    const ft_selection conditions = {.ids = selection->ids.items,
                                     .n_ids = selection->ids.count,
                                     .match = selection->match,
                                     .regex = selection->regex,
                                     .where = selection->where.items,
                                     .n_where = selection->where.count};
    if (selection->regex && !selection->match)
        return ft_fail(err, FT_BAD_INPUT, "--regex says how --match is read, but --match is not given");
    ft_status status = ft_command_load(selection->results, detail, experiments, err);
    size_t there = experiments->count;
    if (status == FT_OK) status = ft_experiments_select(experiments, &conditions, err);
    if (status != FT_OK || experiments->count) return status;
    ft_error none = {""};
    if (there == 0)
        status = no_experiments(selection->results, &none);
    else
        status = ft_fail(&none, FT_BAD_INPUT,
                         "none of the %zu experiments in %.400s is chosen (compare without --match, --where "
                         "and ids shows all)",
                         there, selection->results);
    if (needed) {
        if (err) *err = none;
        return status;
    }
    ft_command_warn("%s", none.message);
    return FT_OK;
}

void ft_selection_warn_data(const ft_experiments *experiments)
{
    ft_text line = FT_TEXT_EMPTY;
    ft_experiments_describe_data(experiments, &line);
    if (line.length && !line.failed) ft_command_warn("%s", line.data);
    ft_text_free(&line);
}

int ft_selection_command(const ft_command_line *line, ft_selection_options *selection,
                         ft_selection_work *work, const void *context, int argc, const char *const *argv)
{
    enum { MOST_IDS = 100000 };
    ft_command_line whole = *line;
    int exit_status;
    whole.positional = "ID";
    whole.arguments = &selection->ids;
    whole.most_arguments = MOST_IDS;
    if (ft_command_parse(&whole, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(work(context, &err), &err);
    }
    ft_option_list_free(&selection->ids);
    ft_option_list_free(&selection->where);
    return exit_status;
}
