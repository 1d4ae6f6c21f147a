/* Fresh weights with the checksum that a model directory of them has; see weights.h. */
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

ft_status ft_weights_init(const ft_model_config *config, uint32_t seed, ft_weights **weights, ft_error *err)
{
    ft_status status = ft_weights_draw(config, seed, weights, err);
    if (status) return status;
    char *text = ft_config_print(config);
    if (text) {
        ft_weights_set_checksum(*weights, text, strlen(text));
    } else {
        ft_weights_free(*weights);
        *weights = NULL;
        status = ft_no_memory(err, "config.json", 0);
    }
    free(text);
    return status;
}
