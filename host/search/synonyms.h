/* Names that people bring along from other tools, and what they are called here. */
#ifndef FT_HOST_SEARCH_SYNONYMS_H
#define FT_HOST_SEARCH_SYNONYMS_H

#include <stddef.h>

/* The hyperparameter that goes by another name elsewhere ("lora_dropout":
 * "dropout_rate"); dashes, underscores and capitals make no difference. NULL: none is
 * known by it. */
const char *ft_hyperparameter_synonym(const char *name);

/* The same for options, of which the command has `names` (count): "output" is "out".
 * NULL: none of these. */
const char *ft_option_synonym(const char *name, const char *const *names, size_t count);

#endif
