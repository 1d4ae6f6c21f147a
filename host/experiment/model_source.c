/* Reading the model that a request names; see model_source.h. */
#include "host/experiment/model_source.h"

#include <string.h>

#include "host/hub/hub.h"
#include "model/pretrained/builtin.h"

static void say(void *context, const char *line)
{
    ft_engine_say(context, "%s", line);
}

static bool show(void *context, const char *file, int64_t done, int64_t total)
{
    const ft_engine *engine = context;
    if (engine->settings.fetching) engine->settings.fetching(engine->settings.context, file, done, total);
    return ft_engine_stop(engine) == FT_STOP_NOT;
}

ft_status ft_model_read(const ft_engine *engine, const char *model, ft_weights **weights, char **directory,
                        ft_error *err)
{
    const ft_hub_watch watch = {.say = say, .show = show, .context = (void *)engine};
    ft_status status = ft_hub_resolve(model, &watch, directory, err);
    return status == FT_OK ? ft_weights_read(*directory, weights, err) : status;
}

const char *ft_model_public_name(const char *model, const char *directory)
{
    /* "@revision", "hf://" and the built-in model's name are ftgpu's notation: PEFT could
     * not resolve it, so the path is better. */
    const bool is_ours = strchr(model, '@') || strstr(model, "://") || ft_is_builtin(model);
    return is_ours ? directory : model;
}
