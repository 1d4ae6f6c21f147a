/* See fresh_model.h. */
#include "fresh_model.h"

#include <criterion/criterion.h>

#include "model/weights.h"

void make_fresh_model(const char *directory)
{
    ft_error err;
    ft_model_config config;
    ft_weights *weights = NULL;
    ft_status status = ft_config_for_size("nano", &config, &err);
    if (status == FT_OK) status = ft_weights_init(&config, 1, &weights, &err);
    if (status == FT_OK) status = ft_weights_write(directory, weights, NULL, &err);
    cr_assert_eq(status, FT_OK, "%s", err.message);
    ft_weights_free(weights);
}
