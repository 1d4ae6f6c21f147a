/* The Hugging Face Hub's settings in the environment, read as Python's huggingface_hub
 * does. */
#ifndef FT_HOST_HUB_SETTINGS_H
#define FT_HOST_HUB_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"

typedef struct ft_hub_settings {
    /* HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME or ~/.cache/huggingface/hub */
    char *cache;
    /* HF_ENDPOINT without a slash at its end, else https://huggingface.co */
    char *endpoint;
    /* HF_TOKEN, else the token file's (HF_TOKEN_PATH or HF_HOME/token); NULL: none */
    char *token;
    const char *token_origin; /* where the token was found, for messages; not owned */
    bool is_offline;          /* HF_HUB_OFFLINE */
    /* HF_HUB_DOWNLOAD_TIMEOUT: seconds without a byte until a connection is given up */
    int timeout_seconds;
} ft_hub_settings;

/* Freed by ft_hub_settings_free, also after a failure. */
ft_status ft_hub_settings_read(ft_hub_settings *settings, ft_error *err);
void ft_hub_settings_free(ft_hub_settings *settings);

#endif
