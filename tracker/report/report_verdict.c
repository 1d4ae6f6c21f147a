/* The verdict of a report, the same that `ftgpu best` gives, and the figures behind
 * it. */
#include "tracker/baselines.h"
#include "tracker/report/report_parts.h"

static void add_figures(const char *name, const ft_metrics metrics[FT_N_SPLITS], ft_metric metric,
                        ft_report_data *data, cJSON *list)
{
    cJSON *out = ft_report_add_object(data, list, NULL);
    ft_report_add_text(data, out, "name", name);
    for (int s = 0; s < FT_N_SPLITS; s++)
        ft_report_add_number(data, out, ft_split_names[s], ft_metrics_get(&metrics[s], metric));
}

void ft_report_add_verdict(const ft_report_study *study, const char *why_none, ft_report_data *data)
{
    static const char *const names[] = {
        [FT_VERDICT_NONE] = "unknown", [FT_VERDICT_USE] = "use", [FT_VERDICT_DO_NOT_USE] = "do not use"};
    const ft_metric metric = study->request->metric;
    ft_verdict verdict = FT_VERDICT_NONE;
    ft_text sentence = FT_TEXT_EMPTY;
    cJSON *out = ft_report_add_object(data, data->root, "verdict");
    cJSON *figures = ft_report_add_list(data, out, "figures");
    if (study->best) {
        const char *name;
        ft_metrics baseline[FT_N_SPLITS];
        verdict = ft_verdict_describe(study->best, metric, study->request->split,
                                      ft_rivals_standard_error(&study->rivals), &sentence);
        if (verdict == FT_VERDICT_NONE)
            ft_text_add(&sentence, "the best is known, but its run recorded no baselines to hold it against");
        add_figures(study->best->experiment_id, study->best->metrics, metric, data, figures);
        for (size_t i = 0; ft_baseline_get(study->best, i, &name, baseline); i++)
            add_figures(name, baseline, metric, data, figures);
    } else {
        ft_text_add(&sentence, why_none);
    }
    if (sentence.failed) data->failed = true;
    ft_report_add_text(data, out, "sentence", sentence.data);
    ft_report_add_text(data, out, "is", names[verdict]);
    ft_text_free(&sentence);
}
