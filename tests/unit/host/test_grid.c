/* Grids in their order, lists of configurations, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "host/search/grid.h"

static char directory[64];

static void enter(void)
{
    strcpy(directory, "/tmp/ftgpu-grid-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    remove("g.json");
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
}

TestSuite(grid, .init = enter, .fini = leave);

/* The source of grid texts (up to a NULL) and of g.json, as a grid or as a list. */
static ft_status expand(const char *const *grids, const char *json, bool is_list, int64_t max_configs,
                        ft_grid *grid, ft_error *err)
{
    ft_grid_source source = {.grids = grids, .max_configs = max_configs};
    while (grids && grids[source.n_grids]) source.n_grids++;
    if (json) cr_assert_eq(ft_write_file("g.json", json, strlen(json), err), FT_OK);
    if (json && is_list) source.configs_file = "g.json";
    if (json && !is_list) source.grid_file = "g.json";
    return ft_grid_expand(&source, &ft_hyperparameters_default, grid, err);
}
#define GRIDS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(grid, the_last_key_varies_fastest)
{
    ft_grid grid;
    ft_error err = {0};
    cr_assert_eq(expand(GRIDS("lora_targets=q+v,q", "lora_rank=4,8,16"), "{\"learning_rate\": [1e-4, 0.001]}",
                        false, 100, &grid, &err),
                 FT_OK, "%s", err.message);
    cr_assert_eq(grid.count, 12);
    cr_assert_eq(grid.n_keys, 3);
    cr_expect_str_eq(grid.keys[0]->name, "learning_rate");
    cr_expect_str_eq(grid.keys[2]->name, "lora_rank");
    const double rates[] = {1e-4, 1e-3};
    const uint32_t targets[] = {FT_TARGET_Q | FT_TARGET_V, FT_TARGET_Q};
    const int64_t ranks[] = {4, 8, 16};
    for (size_t i = 0; i < 12; i++) {
        const ft_hyperparameters *h = &grid.configs[i];
        cr_expect(h->learning_rate == rates[i / 6] && h->lora_targets == targets[i / 3 % 2] &&
                  h->lora_rank == ranks[i % 3]);
        cr_expect_eq(h->epochs, 5);
    }
    ft_grid_free(&grid);
}

Test(grid, a_list_of_objects_over_the_base)
{
    ft_grid grid;
    ft_error err = {0};
    cr_assert_eq(expand(NULL, "[{\"epochs\": 3}, {}, {\"epochs\": 5, \"seed\": 1, \"window_stride\": null}]",
                        true, 3, &grid, &err),
                 FT_OK, "%s", err.message);
    cr_assert_eq(grid.count, 3);
    cr_expect(grid.configs[0].epochs == 3 && grid.configs[1].epochs == 5 && grid.configs[2].seed == 1);
    cr_assert_eq(grid.n_keys, 3);
    cr_expect_str_eq(grid.keys[1]->name, "seed");
    /* no key is in each */
    for (int i = 0; i < FT_N_FIELDS; i++) cr_expect_not(grid.covers[i]);
    ft_grid_free(&grid);
}

static void refuses(const char *const *grids, const char *json, bool is_list, const char *message)
{
    ft_grid grid;
    ft_error err = {0};
    cr_expect_eq(expand(grids, json, is_list, 100, &grid, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cr_expect(grid.configs == NULL);
}

Test(grid, grids_that_are_refused)
{
    refuses(NULL, NULL, false, "nothing to sweep over: --grid, --grid-file, --configs or --seeds is needed");
    refuses(GRIDS("epochs=1"), "[{}]", true,
            "a grid (--grid, --grid-file) or a list (--configs) can be given, not both");
    refuses(GRIDS("epochs="), NULL, false, "epochs: the list of values is empty");
    refuses(GRIDS("epochs"), NULL, false, "--grid \"epochs\" is not of the form key=value,value,...");
    refuses(GRIDS("epochs=1,,2"), NULL, false,
            "epochs: an empty value is not allowed, it must be a whole number from 1 to 1000000");
    refuses(GRIDS("epochs=1,1.5"), NULL, false,
            "epochs: 1.5 is not allowed, it must be a whole number from 1 to 1000000");
    refuses(GRIDS("lerning_rate=1"), NULL, false,
            "unknown hyperparameter \"lerning_rate\" (did you mean \"learning_rate\"?)");
    refuses(GRIDS("epochs=1", "epochs=2"), NULL, false, "epochs is given twice in the grid");
    refuses(GRIDS("epochs=1"), "{\"epochs\": [2]}", false, "epochs is given twice in the grid");
    refuses(GRIDS("learning_rate=1e-4,1e-3,0.0001"), NULL, false,
            "learning_rate: the value 0.0001 is given twice in the grid");
    refuses(GRIDS("lora_rank=4,8", "lora_targets=q+v,v+q"), NULL, false,
            "lora_targets: the value q+v is given twice in the grid");
    refuses(GRIDS("model_dropout=null,0,null"), NULL, false,
            "model_dropout: the value null is given twice in the grid");
    refuses(NULL, "{\"epochs\": [3, 3.0]}", false, "epochs: the value 3 is given twice in the grid");
    refuses(NULL, "{}", false, "g.json: the grid is empty");
    refuses(NULL, "[1]", false, "g.json: an object of lists is needed, like {\"epochs\": [3, 5]}");
    refuses(NULL, "{\"epochs\": []}", false, "g.json: epochs: the list of values is empty");
    refuses(NULL, "{\"epochs\": 3}", false, "g.json: epochs: a list of values is needed, like [1, 2]");
    refuses(NULL, "{\"epochs\": [3, \"x\"]}", false,
            "g.json: epochs: a text is not allowed, it must be a whole number from 1 to 1000000");
    refuses(NULL, "{\"epochs\": [3", false, "g.json:1:14: the text ends inside a list or an object");
}

Test(grid, lists_that_are_refused)
{
    refuses(NULL, "[]", true, "g.json: the list of configurations is empty");
    refuses(NULL, "{}", true, "g.json: a list of objects is needed, like [{\"epochs\": 3}]");
    refuses(NULL, "[{}, {\"lora_rank\": 0}]", true,
            "g.json: configuration 2: lora_rank: 0 is not allowed, it must be a whole number from 1 to 256");
    refuses(NULL, "[{}, {\"seed\": 1}, {\"epochs\": 5, \"seed\": 0}]", true,
            "g.json: configurations 1 and 3 are equal");
    refuses(NULL, "[{}, 3]", true, "g.json: configuration 2: an object of hyperparameters is needed");
}

/* A grid of which `count` configurations train what another does, as these two (from
 * 0). */
static void repeats(const char *const *grids, const char *json, size_t count, size_t first, size_t second)
{
    ft_grid grid;
    ft_error err;
    size_t counted, one, other;
    cr_assert_eq(expand(grids, json, json != NULL, 100, &grid, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_grid_count_repeated(&grid, &counted, &one, &other, &err), FT_OK);
    cr_expect(counted == count && one == first && other == second, "%zu, %zu and %zu", counted, one, other);
    ft_grid_free(&grid);
}

Test(grid, values_that_nothing_uses_make_no_difference)
{
    repeats(GRIDS("lora_rank=4,8", "seed=0,1"), NULL, 0, 0, 0);
    repeats(GRIDS("adapter_type=full", "lora_rank=4,8"), NULL, 1, 0, 1);
    repeats(GRIDS("adapter_type=lora,full", "lora_rank=4,8,16"), NULL, 2, 3, 4);
    repeats(GRIDS("adapter_type=ln_tuning", "lora_alpha=4,8", "use_rslora=true,false", "seed=0,1"), NULL, 6,
            0, 2);
    repeats(GRIDS("lr_scheduler=constant", "warmup_steps=0,1"), NULL, 1, 0, 1);
    repeats(GRIDS("lr_scheduler=constant_with_warmup", "warmup_steps=0,1"), NULL, 0, 0, 0);
    repeats(NULL, "[{\"prediction_length\": 24}, {\"prediction_length\": 24, \"window_stride\": 24}]", 1, 0,
            1);
}

Test(grid, more_than_max_configs)
{
    const char *message = "more than 100 configurations (--max-configs allows more)";
    ft_grid grid;
    ft_error err;
    ft_text list = FT_TEXT_EMPTY;
    ft_text_add(&list, "seed=0");
    for (int i = 1; i < 100; i++) ft_text_addf(&list, ",%d", i);
    cr_expect_eq(expand(GRIDS(list.data), NULL, false, 100, &grid, &err), FT_OK);
    cr_expect_eq(grid.count, 100);
    ft_grid_free(&grid);
    refuses(GRIDS(list.data, "epochs=1,2"), NULL, false, message);
    /* A product that would overflow 64 bits. */
    ft_text lists[12] = {{0}};
    const char *keys[] = {"epochs",        "context_length", "prediction_length", "batch_size",
                          "warmup_steps",  "lora_rank",      "lora_alpha",        "window_stride",
                          "learning_rate", "seed",           "weight_decay"};
    const char *grids[12] = {NULL};
    for (int k = 0; k < 11; k++) {
        ft_text_addf(&lists[k], "%s=1", keys[k]);
        for (int i = 2; i <= 100; i++) ft_text_addf(&lists[k], ",%d", i);
        grids[k] = lists[k].data;
    }
    cr_expect_eq(expand(grids, NULL, false, INT64_MAX, &grid, &err), FT_BAD_INPUT);
    for (int k = 0; k < 11; k++) ft_text_free(&lists[k]);
    ft_text_add(&list, ",100");
    refuses(GRIDS(list.data), NULL, false, "seed: more than 100 values (--max-configs)");
    ft_text_free(&list);
}

Test(grid, seeds_repeat_each_configuration)
{
    static const char *const grids[] = {"lora_rank=4,8"};
    ft_hyperparameters base = ft_hyperparameters_default;
    base.seed = 7;
    ft_grid_source source = {.grids = grids, .n_grids = 1, .seeds = 3, .max_configs = 6};
    ft_grid grid;
    ft_error err = {0};
    cr_assert_eq(ft_grid_expand(&source, &base, &grid, &err), FT_OK, "%s", err.message);
    cr_assert_eq(grid.count, 6);
    cr_assert_eq(grid.n_keys, 2);
    cr_expect_str_eq(grid.keys[1]->name, "seed");
    for (size_t i = 0; i < 6; i++)
        cr_expect(grid.configs[i].lora_rank == (i < 3 ? 4 : 8) && grid.configs[i].seed == 7 + (int64_t)i % 3);
    ft_grid_free(&grid);
    /* without a grid the base alone */
    source.n_grids = 0;
    cr_assert_eq(ft_grid_expand(&source, &base, &grid, &err), FT_OK, "%s", err.message);
    cr_expect(grid.count == 3 && grid.configs[2].seed == 9 && grid.n_keys == 1);
    ft_grid_free(&grid);
    source.seeds = 1;
    cr_assert_eq(ft_grid_expand(&source, &base, &grid, &err), FT_OK, "%s", err.message);
    cr_expect(grid.count == 1 && grid.configs[0].seed == 7 && grid.n_keys == 1);
    ft_grid_free(&grid);
    source.seeds = 3;
    source.n_grids = 1;
    source.max_configs = 5;
    cr_expect_eq(ft_grid_expand(&source, &base, &grid, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "more than 5 configurations (--max-configs allows more)");
    source.max_configs = 6;
    base.seed = 4294967294;
    cr_expect_eq(ft_grid_expand(&source, &base, &grid, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "--seeds 3: from seed 4294967294 on there are not so many");
    static const char *const with_seeds[] = {"seed=1,2"};
    source.grids = with_seeds;
    cr_expect_eq(ft_grid_expand(&source, &base, &grid, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message,
                     "--seeds repeats each configuration with seeds of its own, but the grid has "
                     "seeds, too: leave out one of them");
    cr_expect(grid.configs == NULL);
}
