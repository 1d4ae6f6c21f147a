/* Names that users know from other tools, and ftgpu's names for the same. */
#ifndef FT_HOST_SEARCH_SYNONYMS_H
#define FT_HOST_SEARCH_SYNONYMS_H

#include <stddef.h>

/* ftgpu's hyperparameter for a name of another tool ("lora_dropout": "dropout_rate").
 * Dashes, underscores and case make no difference. NULL: unknown. */
const char *ft_hyperparameter_synonym(const char *name);

/* The same for options: "output" is "out" if that is among `names` (count), the
 * command's options. NULL: none of them. */
const char *ft_option_synonym(const char *name, const char *const *names, size_t count);

#endif
