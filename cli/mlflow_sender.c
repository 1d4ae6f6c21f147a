/* Experiments on their way to an MLflow server; see mlflow_sender.h. */
#include "cli/mlflow_sender.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* How long a server that failed is left alone. */
static const double PAUSE = 60;

ft_status ft_mlflow_sender_begin(ft_mlflow_sender *sender, ft_text *remark, ft_error *err)
{
    const char *variable = getenv("MLFLOW_TRACKING_URI");
    const bool is_asked = sender->uri != NULL;
    if (!is_asked && variable && *variable) sender->uri = variable;
    if (!sender->uri) return FT_OK;
    ft_error why;
    ft_status status = ft_mlflow_open(sender->uri, FT_MLFLOW_BRIEF, &sender->mlflow, &why);
    if (status == FT_OK && !is_asked)
        ft_text_addf(remark, "note: experiments are sent to MLflow at %s (MLFLOW_TRACKING_URI)", sender->uri);
    if (status == FT_OK) return FT_OK;
    sender->uri = NULL;
    if (is_asked) return ft_fail(err, status, "--mlflow: %s", why.message);
    ft_text_addf(remark, "warning: MLFLOW_TRACKING_URI: %s; nothing is sent", why.message);
    return FT_OK;
}

void ft_mlflow_sender_add(ft_mlflow_sender *sender, const ft_experiment *experiment, ft_text *remark)
{
    bool is_new;
    ft_error err;
    if (!sender->mlflow) return;
    const bool is_first = sender->failed_at == 0;
    if (!is_first && ft_now_seconds() - sender->failed_at < PAUSE) {
        sender->unsent++;
        return;
    }
    if (ft_mlflow_send(sender->mlflow, experiment, &is_new, &err) == FT_OK) return;
    sender->failed_at = ft_now_seconds();
    sender->unsent++;
    if (is_first) ft_text_addf(remark, "warning: %s", err.message);
}

void ft_mlflow_sender_end(ft_mlflow_sender *sender, ft_text *remark)
{
    if (sender->unsent > 0)
        ft_text_addf(remark, "%zu experiment%s not at MLflow: ftgpu export --mlflow %s sends what it lacks",
                     sender->unsent, sender->unsent == 1 ? " is" : "s are", sender->uri);
    ft_mlflow_close(sender->mlflow);
    *sender = (ft_mlflow_sender){0};
}
