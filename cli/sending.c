/* Experiments on their way to an MLflow server; see sending.h. */
#include "cli/sending.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* How long a server that failed is left alone. */
static const double PAUSE = 60;

ft_status ft_sending_begin(ft_sending *s, ft_text *remark, ft_error *err)
{
    const char *variable = getenv("MLFLOW_TRACKING_URI");
    const bool is_asked = s->uri != NULL;
    if (!is_asked && variable && *variable) s->uri = variable;
    if (!s->uri) return FT_OK;
    ft_error why;
    ft_status status = ft_mlflow_open(s->uri, &s->mlflow, &why);
    if (status == FT_OK && !is_asked)
        ft_text_addf(remark, "note: experiments are sent to MLflow at %s (MLFLOW_TRACKING_URI)", s->uri);
    if (status == FT_OK) return FT_OK;
    s->uri = NULL;
    if (is_asked) return ft_fail(err, status, "--mlflow: %s", why.message);
    ft_text_addf(remark, "warning: MLFLOW_TRACKING_URI: %s; nothing is sent", why.message);
    return FT_OK;
}

void ft_sending_add(ft_sending *s, const ft_experiment *experiment, ft_text *remark)
{
    bool is_new;
    ft_error err;
    if (!s->mlflow) return;
    const bool is_first = s->failed_at == 0;
    if (!is_first && ft_now_seconds() - s->failed_at < PAUSE) {
        s->unsent++;
        return;
    }
    if (ft_mlflow_send(s->mlflow, experiment, &is_new, &err) == FT_OK) return;
    s->failed_at = ft_now_seconds();
    s->unsent++;
    if (is_first) ft_text_addf(remark, "warning: %s", err.message);
}

void ft_sending_end(ft_sending *s, ft_text *remark)
{
    if (s->unsent > 0)
        ft_text_addf(remark,
                     "%zu experiments are not at MLflow: ftgpu export --mlflow %s sends what it lacks",
                     s->unsent, s->uri);
    ft_mlflow_close(s->mlflow);
    *s = (ft_sending){0};
}
