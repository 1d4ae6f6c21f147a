/* Reads the Hub's settings from the environment; see settings.h. */
#include "host/hub/settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

/* The variable's value; NULL if it is not set or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_true(const char *value)
{
    static const char *const words[] = {"1", "on", "yes", "true"};
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(value, words[i]) == 0) return true;
    return false;
}

/* The path with a leading '~' replaced by the home directory; malloc'd. */
static char *expand(const char *path)
{
    const char *home = variable("HOME");
    const bool from_home = home && *path == '~' && (path[1] == '/' || !path[1]);
    if (!from_home) return ft_copy_string(path);
    return path[1] ? ft_join_path(home, path + 2) : ft_copy_string(home);
}

/* HF_HOME or its default, malloc'd. */
static char *home_of_hub(void)
{
    const char *given = variable("HF_HOME"), *caches = variable("XDG_CACHE_HOME");
    if (given) return expand(given);
    char *directory = expand(caches ? caches : "~/.cache");
    char *home = directory ? ft_join_path(directory, "huggingface") : NULL;
    free(directory);
    return home;
}

/* The token without surrounding blanks and line ends; NULL if nothing is left. */
static char *clean_token(const char *text)
{
    size_t from = strspn(text, " \t\r\n"), length = strlen(text + from);
    while (length > 0 && strchr(" \t\r\n", text[from + length - 1])) length--;
    /* A line end inside would start another header. */
    return length > 0 && strcspn(text + from, "\r\n") >= length ? ft_copy_bytes(text + from, length) : NULL;
}

static ft_status read_token(ft_hub_settings *settings, const char *home, ft_error *err)
{
    const char *given = variable("HF_TOKEN");
    if (!given) given = variable("HUGGING_FACE_HUB_TOKEN");
    if (is_true(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return FT_OK;
    settings->token_origin = "HF_TOKEN";
    if (given) {
        settings->token = clean_token(given);
        return FT_OK;
    }
    const char *named = variable("HF_TOKEN_PATH");
    char *path = named ? expand(named) : ft_join_path(home, "token"), *text = NULL;
    size_t size = 0;
    struct stat info;
    ft_status status = path ? FT_OK : ft_no_memory(err, "a path", strlen(home));
    if (path && stat(path, &info) == 0) status = ft_read_file(path, 65536, &text, &size, err);
    settings->token = text ? clean_token(text) : NULL;
    settings->token_origin = "the file that `hf auth login` wrote";
    free(text);
    free(path);
    return status;
}

ft_status ft_hub_settings_read(ft_hub_settings *settings, ft_error *err)
{
    *settings = (ft_hub_settings){.timeout_seconds = 30};
    const char *cache = variable("HF_HUB_CACHE"), *endpoint = variable("HF_ENDPOINT");
    const char *offline = variable("HF_HUB_OFFLINE"), *seconds = variable("HF_HUB_DOWNLOAD_TIMEOUT");
    long long number = 0;
    if (!cache) cache = variable("HUGGINGFACE_HUB_CACHE");
    if (!offline) offline = variable("TRANSFORMERS_OFFLINE");
    if (seconds && ft_parse_int(seconds, strlen(seconds), &number) && number > 0 && number < 86400)
        settings->timeout_seconds = (int)number;
    settings->is_offline = is_true(offline);
    char *home = home_of_hub();
    settings->cache = cache ? expand(cache) : home ? ft_join_path(home, "hub") : NULL;
    settings->endpoint = ft_copy_string(endpoint ? endpoint : "https://huggingface.co");
    ft_status status =
        home && settings->cache && settings->endpoint ? FT_OK : ft_no_memory(err, "the Hub's settings", 256);
    if (status == FT_OK) {
        char *end = settings->endpoint + strlen(settings->endpoint);
        while (end > settings->endpoint && end[-1] == '/') *--end = '\0';
        if (strncmp(settings->endpoint, "http://", 7) != 0 && strncmp(settings->endpoint, "https://", 8) != 0)
            status = ft_fail(err, FT_BAD_INPUT, "HF_ENDPOINT: \"%s\" does not begin with https:// or http://",
                             settings->endpoint);
    }
    if (status == FT_OK && !settings->is_offline) status = read_token(settings, home, err);
    free(home);
    return status;
}

void ft_hub_settings_free(ft_hub_settings *settings)
{
    free(settings->cache);
    free(settings->endpoint);
    free(settings->token);
    *settings = (ft_hub_settings){0};
}
