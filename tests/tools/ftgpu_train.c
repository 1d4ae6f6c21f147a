/* ftgpu_train MODEL --adapter DIR TRACE.safetensors OUT.safetensors
 *
 * For tests/oracle/check_interop.py: goes on training an adapter by the recipe in
 * TRACE.json, without dropout, and writes the losses before each step's update. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/schedule.h"
#include "model/step.h"
#include "tool.h"

static double number(const cJSON *recipe, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(recipe, key);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

/* The schedule of that name; FT_SCHEDULE_COUNT where there is none. */
static ft_schedule schedule_of(const cJSON *name)
{
    static const char *const names[] = {FT_SCHEDULE_NAMES};
    int i = 0;
    while (i < FT_SCHEDULE_COUNT && !(cJSON_IsString(name) && !strcmp(name->valuestring, names[i]))) i++;
    return (ft_schedule)i;
}

int main(int argc, char **argv)
{
    ft_error err = {""};
    if (argc != 6 || strcmp(argv[2], "--adapter") != 0) {
        fprintf(stderr, "usage: ftgpu_train MODEL --adapter DIR TRACE.safetensors OUT.safetensors\n");
        return 2;
    }
    tool t;
    cJSON *recipe = NULL;
    ft_stepper *stepper = NULL;
    float *losses = NULL;
    char json[4096];
    snprintf(json, sizeof json, "%.*sjson", (int)(strlen(argv[4]) - strlen("safetensors")), argv[4]);
    ft_status status = tool_open(&t, argv[1], argv[3], argv[4], true, &err);
    if (status == FT_OK) status = ft_json_read(json, &recipe, &err);
    ft_schedule schedule = schedule_of(cJSON_GetObjectItemCaseSensitive(recipe, "lr_scheduler"));
    if (status == FT_OK && schedule == FT_SCHEDULE_COUNT)
        status = ft_fail(&err, FT_BAD_INPUT, "%s: lr_scheduler is not known", json);
    int64_t steps = (int64_t)number(recipe, "steps");
    if (status == FT_OK) {
        t.trainable->lora_dropout[0] = 0;
        losses = calloc((size_t)steps + 1, sizeof *losses);
        status = losses ? ft_stepper_create(t.trainable, t.shape.n_sequences, t.shape.encoder_length,
                                            t.shape.decoder_length, &stepper, &err)
                        : FT_NO_MEMORY;
    }
    for (int64_t s = 0; s < steps && status == FT_OK; s++) {
        tool_load(&t, ft_stepper_inputs(stepper), s % t.n_batches);
        double factor = ft_schedule_factor(schedule, s, (int64_t)number(recipe, "warmup_steps"),
                                           (int64_t)number(recipe, "total_steps"));
        ft_stepper_inputs(stepper)->step[0] = (uint32_t)s;
        const ft_step_rates rates = {(float)(number(recipe, "learning_rate") * factor),
                                     (float)number(recipe, "weight_decay"),
                                     (float)number(recipe, "max_grad_norm")};
        ft_inputs_set_rates(ft_stepper_inputs(stepper), 0, rates);
        status = ft_stepper_step(stepper, &err);
        losses[s] = (float)ft_stepper_loss(stepper, 0);
    }
    ft_tensor_to_store out = {"losses", FT_STORED_F32, 1, {steps}, losses};
    if (status == FT_OK) status = ft_safetensors_write(argv[5], &out, 1, NULL, 0, &err);
    ft_stepper_free(stepper);
    free(losses);
    cJSON_Delete(recipe);
    return tool_close(&t, status, &err);
}
