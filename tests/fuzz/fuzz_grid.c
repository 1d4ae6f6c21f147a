/* The JSON of a sweep: the same input as a grid (an object of lists) and as a list of
 * configurations. */
#include "base/json.h"
#include "host/search/grid.h"
#include "tests/fuzz/fuzz.h"

/* Every configuration goes to JSON and back. */
static void check_grid(const ft_grid *grid)
{
    FUZZ_EXPECT(grid->count > 0 && grid->n_keys <= FT_N_FIELDS);
    for (size_t i = 0; i < grid->count && i < 50; i++) {
        ft_hyperparameters again = ft_hyperparameters_default;
        ft_error err = {""};
        cJSON *object = ft_hyperparameters_to_json(&grid->configs[i]);
        FUZZ_EXPECT(object && ft_hyperparameters_from_json(&again, object, "again", &err) == FT_OK);
        FUZZ_EXPECT(ft_hyperparameters_equal(&again, &grid->configs[i]));
        cJSON_Delete(object);
        for (int f = 0; f < FT_N_FIELDS; f++) {
            ft_text text = FT_TEXT_EMPTY;
            ft_hyperparameters one = ft_hyperparameters_default;
            ft_field_to_text(&ft_fields[f], &grid->configs[i], &text);
            FUZZ_EXPECT(text.data && ft_field_set_text(&ft_fields[f], text.data, &one, &err) == FT_OK);
            FUZZ_EXPECT(ft_field_equal(&ft_fields[f], &one, &grid->configs[i]));
            ft_text_free(&text);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_put("grid.json", data, size);
    for (int as_list = 0; as_list < 2; as_list++) {
        ft_grid_source source = {
            .grid_file = as_list ? NULL : path, .configs_file = as_list ? path : NULL, .max_configs = 1000};
        ft_grid grid;
        ft_error err = {""};
        ft_status status = ft_grid_expand(&source, &ft_hyperparameters_default, &grid, &err);
        fuzz_check(status, &err, NULL);
        if (status != FT_OK) continue;
        check_grid(&grid);
        ft_grid_free(&grid);
    }
    return 0;
}
