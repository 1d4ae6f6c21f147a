/* Names of models on the Hugging Face Hub: "amazon/chronos-t5-small", optionally
 * followed by "@revision". */
#ifndef FT_HOST_HUB_NAME_H
#define FT_HOST_HUB_NAME_H

#include <stdbool.h>

enum { FT_HUB_REPOSITORY_CHARS = 97, FT_HUB_REVISION_CHARS = 201 };

typedef struct ft_hub_name {
    char repository[FT_HUB_REPOSITORY_CHARS]; /* "amazon/chronos-t5-small" */
    /* a branch, a tag or a commit; "main" where none is given */
    char revision[FT_HUB_REVISION_CHARS];
    /* written "hf://..." or as a page of huggingface.co */
    bool is_explicit;
} ft_hub_name;

/* Whether `text` is such a name, by huggingface_hub's rules (letters, digits, '-', '_'
 * and '.'; no "--" and no ".."), alone or after "hf://", or the address of a model's
 * page at huggingface.co. Fills *name. */
bool ft_hub_name_parse(const char *text, ft_hub_name *name);

/* Whether a revision is a full commit hash: 40 lower-case hexadecimal digits. */
bool ft_hub_is_commit(const char *revision);
/* Whether `text` is `count` lower-case hexadecimal digits. */
bool ft_hub_is_hexadecimal(const char *text, int count);

/* Whether it can be a file of a model: a plain name, no path, not hidden. */
bool ft_hub_is_file_name(const char *name);

#endif
