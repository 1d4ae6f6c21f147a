/* The verdict of a report, the same that `ftgpu best` gives, and the figures behind
 * it. */
#include "tracker/baselines.h"
#include "tracker/report/report_parts.h"
#include "tracker/verdict.h"

static cJSON *add_figures(const char *name, const ft_metrics metrics[FT_N_SPLITS], ft_metric metric,
                          ft_report_data *data, cJSON *list)
{
    cJSON *out = ft_report_add_object(data, list, NULL);
    ft_report_add_text(data, out, "name", name);
    for (int s = 0; s < FT_N_SPLITS; s++)
        ft_report_add_number(data, out, ft_split_names[s], ft_metrics_get(&metrics[s], metric));
    return out;
}

/* "against": the difference to a baseline in words, where there is one. */
static void add_against(const ft_judgement *judgement, const char *name, ft_report_data *data, cJSON *out)
{
    ft_text sentence = FT_TEXT_EMPTY;
    for (size_t i = 0; i < judgement->n_baselines; i++)
        if (judgement->against[i].name == name)
            ft_judgement_describe_against(judgement, &judgement->against[i], &sentence);
    if (sentence.length) ft_report_add_text(data, out, "against", sentence.data);
    if (sentence.failed) data->failed = true;
    ft_text_free(&sentence);
}

static ft_status judge(const ft_report_ranking *ranking, ft_judgement *judgement, ft_text *sentence,
                       ft_report_data *data, cJSON *figures, ft_error *err)
{
    const char *name;
    ft_metrics baseline[FT_N_SPLITS];
    const ft_report_request *request = ranking->request;
    ft_status status =
        ft_judge(ranking->best, request->experiments, request->metric, request->split, judgement, err);
    if (status != FT_OK) return status;
    ft_judgement_describe(judgement, sentence);
    if (judgement->verdict == FT_VERDICT_NONE)
        ft_text_add(sentence, "the best is known, but its run recorded no baselines to hold it against");
    add_figures(ranking->best->experiment_id, ranking->best->metrics, request->metric, data, figures);
    for (size_t i = 0; ft_baseline_get(ranking->best, i, &name, baseline); i++)
        add_against(judgement, name, data, add_figures(name, baseline, request->metric, data, figures));
    return FT_OK;
}

ft_status ft_report_add_verdict(const ft_report_ranking *ranking, const char *why_none, ft_report_data *data,
                                ft_error *err)
{
    ft_judgement judgement = {.verdict = FT_VERDICT_NONE};
    ft_text sentence = FT_TEXT_EMPTY;
    ft_status status = FT_OK;
    cJSON *out = ft_report_add_object(data, data->root, "verdict");
    cJSON *figures = ft_report_add_list(data, out, "figures");
    if (ranking->best)
        status = judge(ranking, &judgement, &sentence, data, figures, err);
    else
        ft_text_add(&sentence, why_none);
    if (sentence.failed) data->failed = true;
    ft_report_add_text(data, out, "sentence", sentence.data);
    ft_report_add_text(data, out, "is", ft_verdict_names[judgement.verdict]);
    ft_text_free(&sentence);
    return status;
}
