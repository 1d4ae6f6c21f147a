/* See fresh_model.h. */
#include "fresh_model.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/weights.h"

void make_fresh_model(const char *directory)
{
    int how = -1;
    pid_t child = fork();
    if (child == 0) {
        ft_error err;
        ft_model_config config;
        ft_weights *weights = NULL;
        ft_status status = ft_config_for_size("nano", &config, &err);
        if (status == FT_OK) status = ft_weights_init(&config, 1, &weights, &err);
        if (status == FT_OK) status = ft_weights_write(directory, weights, NULL, &err);
        ft_weights_free(weights);
        _exit(status);
    }
    waitpid(child, &how, 0);
    cr_assert_eq(how, 0, "no fresh model");
}
