/* Parses names of models on the Hub; see name.h. */
#include "host/hub/name.h"

#include <stdio.h>
#include <string.h>

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether it can be ORG or NAME: begins and ends with a letter, a digit or '_'. */
static bool is_part(const char *text, size_t length)
{
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        const bool is_inner = c == '-' || c == '.';
        if (!is_letter_or_digit(c) && c != '_' && !is_inner) return false;
        if (is_inner && (i == 0 || i + 1 == length)) return false;
        /* "--" separates ORG and NAME in the cache */
        if (is_inner && text[i - 1] == c) return false;
    }
    return length < 4 || memcmp(text + length - 4, ".git", 4) != 0;
}

/* A revision becomes a path in the cache, so it has no empty, hidden or ".." part. */
static bool is_revision(const char *text)
{
    if (!*text || strlen(text) >= FT_HUB_REVISION_CHARS) return false;
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\\~^:?*[\"@", *c)) return false;
        if ((c == text || c[-1] == '/') && (*c == '/' || *c == '.')) return false;
    }
    return text[strlen(text) - 1] != '/';
}

/* What follows "hf://" or the site's address; NULL if the text begins with neither. */
static const char *skip_site(const char *text)
{
    static const char *const sites[] = {"https://huggingface.co/", "http://huggingface.co/", "hf://"};
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (strncmp(text, sites[i], strlen(sites[i])) == 0) return text + strlen(sites[i]);
    return NULL;
}

bool ft_hub_name_parse(const char *text, ft_hub_name *name)
{
    const char *rest = skip_site(text);
    *name = (ft_hub_name){.is_explicit = rest != NULL};
    if (!rest) rest = text;
    const size_t organization = strcspn(rest, "/");
    if (!rest[organization]) return false;
    const char *second = rest + organization + 1;
    const size_t length = strcspn(second, name->is_explicit ? "@/" : "@");
    const char *tail = second + length, *revision = "main";
    if (strncmp(tail, "/tree/", 6) == 0) /* a page's address in a browser */
        revision = tail + 6;
    else if (*tail == '@')
        revision = tail + 1;
    else if (*tail && strcmp(tail, "/") != 0)
        return false;
    if (organization + 1 + length >= FT_HUB_REPOSITORY_CHARS || !is_part(rest, organization) ||
        !is_part(second, length) || !is_revision(revision))
        return false;
    memcpy(name->repository, rest, organization + 1 + length);
    snprintf(name->revision, sizeof name->revision, "%s", revision);
    return true;
}

bool ft_hub_is_hexadecimal(const char *text, int count)
{
    return strspn(text, "0123456789abcdef") == (size_t)count && !text[count];
}

bool ft_hub_is_commit(const char *revision)
{
    return ft_hub_is_hexadecimal(revision, 40);
}

bool ft_hub_is_file_name(const char *name)
{
    if (!*name || *name == '.' || strlen(name) > 200) return false;
    for (const char *c = name; *c; c++)
        if (!is_letter_or_digit(*c) && !strchr("-_.", *c)) return false;
    return true;
}
