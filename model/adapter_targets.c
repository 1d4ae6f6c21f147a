/* The targets of LoRA by name; see adapter.h. */
#include <stdio.h>
#include <string.h>

#include "model/adapter.h"

const char *const ft_target_names[FT_N_TARGETS] = {"q", "k", "v", "o", "wi", "wo"};

_Static_assert(FT_TARGET_Q == 1 << 0 && FT_TARGET_K == 1 << 1 && FT_TARGET_V == 1 << 2 &&
                   FT_TARGET_O == 1 << 3 && FT_TARGET_WI == 1 << 4 && FT_TARGET_WO == 1 << 5,
               "the bits are in the order of the names");

uint32_t ft_target_of(const ft_tensor_info *info)
{
    for (int i = 0; info->target && i < FT_N_TARGETS; i++)
        if (!strcmp(info->target, ft_target_names[i])) return 1u << i;
    return 0;
}

ft_status ft_targets_parse(const char *text, uint32_t *targets, ft_error *err)
{
    uint32_t found = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, "+,");
        int i = 0;
        while (i < FT_N_TARGETS &&
               (strlen(ft_target_names[i]) != length || memcmp(at, ft_target_names[i], length) != 0))
            i++;
        if (i == FT_N_TARGETS)
            return ft_fail(err, FT_BAD_INPUT,
                           "\"%.100s\": \"%.*s\" is not a target (join some of q, k, v, o, wi, wo by +)",
                           text, (int)(length > 100 ? 100 : length), at);
        found |= 1u << i;
        at += length;
        if (!*at) break;
    }
    *targets = found;
    return FT_OK;
}

void ft_targets_format(uint32_t targets, char out[32])
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < FT_N_TARGETS; i++)
        if (targets >> i & 1u)
            used += (size_t)snprintf(out + used, 32 - used, used ? "+%s" : "%s", ft_target_names[i]);
}
