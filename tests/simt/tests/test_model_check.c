/* `gpu_bench check` (bench/gpu_check) on the simulated GPU: all checks pass, and a fault
 * that is planted in the backend fails exactly the checks that must see it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu_check/model_check.h"
#include "kernels/comm.h"
#include "tests/simt/simt.h"

/* Lengths that are over soon. Without all kinds where nothing can be seen in the other
 * two. */
static model_check_scene scene = {"nano", 13, 3, {2, 1}, 5, 2, true, false, false};

/* All lines, in their order. */
static const char *const all_checks[] = {
    "lora_loss f32",
    "lora_grad_norm f32",
    "lora_gradients f32",
    "lora_worst_gradient f32",
    "lora_parameters f32",
    "lora_graph f32",
    "lora_repeat f32",
    "greedy f32",
    "sampled f32",
    "forecast_repeat f32",
    "ln_tuning_loss f32",
    "ln_tuning_grad_norm f32",
    "ln_tuning_gradients f32",
    "ln_tuning_worst_gradient f32",
    "ln_tuning_parameters f32",
    "ln_tuning_graph f32",
    "ln_tuning_repeat f32",
    "full_loss f32",
    "full_grad_norm f32",
    "full_gradients f32",
    "full_worst_gradient f32",
    "full_parameters f32",
    "full_graph f32",
    "full_repeat f32",
    "nccl f32",
    "lora_loss bf16",
    "lora_grad_norm bf16",
    "lora_gradients bf16",
    "lora_worst_gradient bf16",
    "lora_parameters bf16",
    "lora_graph bf16",
    "lora_repeat bf16",
    "sampled bf16",
    "forecast_repeat bf16",
    "reference f64",
};
enum { CHECKS = sizeof all_checks / sizeof *all_checks };

/* -- a device with something broken -- */

static ft_backend plain;            /* the operations as they are */
static void (*spoil)(ft_backend *); /* breaks a backend */
/* backends so far, and the one that is broken; 0: all */
static int created, only_one;
static bool only_bf16;

static ft_status create(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    ft_status status = ft_cuda_create(0, dtype, backend, err);
    if (status != FT_OK) return status;
    created++;
    plain = **backend;
    if (spoil && (only_one == 0 || only_one == created) && (!only_bf16 || dtype == FT_BF16)) spoil(*backend);
    return FT_OK;
}

/* A result's first values become 0. */
static void clear(ft_backend *self, void *result)
{
    plain.zero(self, result, 8);
}

static void wrong_linear_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                                 bool accumulate)
{
    plain.linear_forward(self, weight, x, y, accumulate);
    clear(self, y.data);
}
static void spoil_linear_forward(ft_backend *backend)
{
    backend->linear_forward = wrong_linear_forward;
}

static void wrong_cross_entropy(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                                ft_tensor logits, const int32_t *labels, const float *label_scale,
                                double *loss_sum)
{
    plain.cross_entropy(self, batch, length, logits, labels, label_scale, loss_sum);
    clear(self, loss_sum);
}
static void spoil_cross_entropy(ft_backend *backend)
{
    backend->cross_entropy = wrong_cross_entropy;
}

/* Without the mask. */
static void wrong_relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                                uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    (void)self, (void)batch, (void)length, (void)dropout_site, (void)f, (void)df;
}
static void spoil_relu_backward(ft_backend *backend)
{
    backend->relu_backward = wrong_relu_backward;
}

/* The first adapter's A gets no gradient. */
static void wrong_lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                                const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                                ft_tensor du)
{
    plain.lora_backward(self, batch, length, lora, x, u, dy, dx, du);
    plain.zero(self, lora->target[0].da, (size_t)(lora->rank * lora->in_features) * sizeof(float));
}
static void spoil_lora_backward(ft_backend *backend)
{
    backend->lora_backward = wrong_lora_backward;
}

static void wrong_weight_gradient(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw)
{
    plain.weight_gradient(self, dy, x, dw);
    plain.zero(self, dw.data, (size_t)dw.cols * sizeof(float)); /* the first row */
}
static void spoil_weight_gradient(ft_backend *backend)
{
    backend->weight_gradient = wrong_weight_gradient;
}

static void wrong_gradient_norm(ft_backend *self, ft_tensor grads, double *norm)
{
    plain.gradient_norm(self, grads, norm);
    clear(self, norm);
}
static void spoil_gradient_norm(ft_backend *backend)
{
    backend->gradient_norm = wrong_gradient_norm;
}

static void *params; /* of the last step */
static void wrong_adamw(ft_backend *self, const ft_adamw *step)
{
    plain.adamw(self, step);
    clear(self, step->params.data);
}
static void spoil_adamw(ft_backend *backend)
{
    backend->adamw = wrong_adamw;
}

static void watch_adamw(ft_backend *self, const ft_adamw *step)
{
    params = step->params.data;
    plain.adamw(self, step);
}
static void wrong_replay(ft_backend *self, void *graph)
{
    plain.replay(self, graph);
    if (params) clear(self, params);
}
static void spoil_replay(ft_backend *backend)
{
    params = NULL;
    backend->adamw = watch_adamw;
    backend->replay = wrong_replay;
}

static void spoil_capture(ft_backend *backend)
{
    backend->capture_begin = NULL;
}

static void wrong_sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                         ft_tensor probabilities)
{
    plain.sample(self, sampling, logits, token, probabilities);
    clear(self, token);
}
static void spoil_sample(ft_backend *backend)
{
    backend->sample = wrong_sample;
}

static void wrong_decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    plain.decode_attention(self, attention, out);
    /* of one path */
    plain.zero(self, out.data, (size_t)out.cols * ft_dtype_bytes(out.dtype));
}
static void spoil_decode_attention(ft_backend *backend)
{
    backend->decode_attention = wrong_decode_attention;
}

/* A rank that waits for another, which never comes: after that fault every call fails. */
static void lose_device(ft_backend *backend)
{
    ft_comm_id id;
    ft_comm *comm;
    ft_error err;
    cr_assert_eq(ft_comm_nccl_id(&id, &err), FT_OK);
    cr_assert_neq(ft_comm_nccl(backend, &id, 0, 2, 0, &comm, &err), FT_OK);
    cr_assert(simt_fault());
}

/* -- NCCL, by the linker's --wrap -- */

ft_status __real_ft_comm_nccl_id(ft_comm_id *id, ft_error *err);
ft_status __wrap_ft_comm_nccl_id(ft_comm_id *id, ft_error *err);
ft_status __real_ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size,
                              double timeout_seconds, ft_comm **comm, ft_error *err);
ft_status __wrap_ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size,
                              double timeout_seconds, ft_comm **comm, ft_error *err);

static bool no_nccl, wrong_nccl;
static ft_backend *communicating;
static ft_status (*plain_all_reduce)(ft_comm *self, ft_tensor values, ft_error *err);

ft_status __wrap_ft_comm_nccl_id(ft_comm_id *id, ft_error *err)
{
    return no_nccl ? ft_fail(err, FT_BAD_INPUT, "NCCL cannot be opened: no such file")
                   : __real_ft_comm_nccl_id(id, err);
}

static ft_status wrong_all_reduce(ft_comm *self, ft_tensor values, ft_error *err)
{
    clear(communicating, values.data);
    return plain_all_reduce(self, values, err);
}

ft_status __wrap_ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size,
                              double timeout_seconds, ft_comm **comm, ft_error *err)
{
    ft_status status = __real_ft_comm_nccl(backend, id, rank, size, timeout_seconds, comm, err);
    if (status == FT_OK && wrong_nccl) {
        communicating = backend;
        plain_all_reduce = (*comm)->all_reduce;
        (*comm)->all_reduce = wrong_all_reduce;
    }
    return status;
}

/* -- lines -- */

/* A line's fields; they are cut in place. */
typedef struct line {
    char *field[7];
} line;

static line cut(char *text)
{
    line cut = {{NULL}};
    for (int i = 0; i < 7; i++) {
        cr_assert_not_null(text, "a line has %d fields", i);
        cut.field[i] = text;
        text = strchr(text, '\t');
        if (text) *text++ = '\0';
    }
    cr_assert_null(text, "a line has more than 7 fields: %s", text);
    return cut;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Whether the scene has a check. */
static bool is_made(const char *check)
{
    bool other_kind = begins(check, "ln_tuning") || begins(check, "full");
    bool skipped = (scene.skip_f32 && strstr(check, " f32")) || (scene.skip_bf16 && strstr(check, " bf16"));
    return (scene.all_kinds || !other_kind) && !skipped;
}

/* The next of the scene's checks from `at` on. */
static int next_check(int at)
{
    while (at < CHECKS && !is_made(all_checks[at])) at++;
    return at;
}

static char detail[2048];      /* of the last line */
static const char *last_check; /* whose it is; NULL: of the last check of all */

/* Makes the checks and compares their lines. fails, may_fail: checks, each followed by
 * ";". missing: one. Returns the exit status. */
static int run(const char *fails, const char *may_fail, const char *missing)
{
    ft_error err = {""};
    char *text = NULL, *rest = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int status = model_check(&scene, create, out, &err), failed = 0;
    fclose(out);
    cr_assert_neq(status, 2, "%s", err.message);
    int at = next_check(0);
    for (char *one = strtok_r(text, "\n", &rest); one; one = strtok_r(NULL, "\n", &rest)) {
        line l = cut(one);
        char name[64], key[72];
        snprintf(name, sizeof name, "%s %s", l.field[0], l.field[2]);
        snprintf(key, sizeof key, "%s;", name);
        cr_assert_lt(at, CHECKS);
        cr_expect_str_eq(name, all_checks[at]);
        last_check = all_checks[at];
        at = next_check(at + 1);
        cr_expect_str_eq(l.field[1], "nano");
        bool has_failed = strcmp(l.field[3], "failed") == 0;
        if (missing && strcmp(name, missing) == 0)
            cr_expect_str_eq(l.field[3], "missing");
        else if (strstr(fails, key))
            cr_expect(has_failed, "%s is %s: worst %s, bound %s", name, l.field[3], l.field[4], l.field[5]);
        else if (!strstr(may_fail, key))
            cr_expect_str_eq(l.field[3], "ok", "%s failed: worst %s, bound %s, %s", name, l.field[4],
                             l.field[5], l.field[6]);
        failed += has_failed;
        snprintf(detail, sizeof detail, "%s", l.field[6]);
    }
    cr_expect_eq(status == 0, failed == 0);
    if (at == CHECKS) last_check = NULL;
    free(text);
    return status;
}

static void expect_seen(void (*how)(ft_backend *), const char *fails, const char *may_fail)
{
    spoil = how;
    cr_expect_eq(run(fails, may_fail, NULL), 1);
    cr_expect_null(last_check, "it ended with %s", last_check);
    cr_expect_null(simt_fault(), "%s", simt_fault());
}

Test(model_check, all_is_well)
{
    cr_expect_eq(run("", "", NULL), 0);
    cr_expect_null(last_check, "it ended with %s", last_check);
    cr_expect_eq(simt_counted().allocated_bytes, 0);
}

Test(model_check, a_wrong_product_is_seen)
{
    expect_seen(spoil_linear_forward,
                "lora_loss f32;lora_worst_gradient f32;sampled f32;ln_tuning_loss f32;"
                "ln_tuning_worst_gradient f32;full_loss f32;full_worst_gradient f32;",
                "lora_grad_norm f32;lora_gradients f32;lora_parameters f32;greedy f32;lora_loss bf16;"
                "lora_grad_norm bf16;lora_gradients bf16;lora_worst_gradient bf16;lora_parameters bf16;"
                "sampled bf16;ln_tuning_grad_norm f32;ln_tuning_gradients f32;ln_tuning_parameters f32;"
                "full_grad_norm f32;full_gradients f32;full_parameters f32;");
}

Test(model_check, a_wrong_loss_is_seen)
{
    expect_seen(spoil_cross_entropy, "lora_loss f32;lora_loss bf16;ln_tuning_loss f32;full_loss f32;", "");
}

Test(model_check, gradients_that_are_wrong_everywhere_are_seen)
{
    expect_seen(spoil_relu_backward,
                "lora_gradients f32;lora_worst_gradient f32;lora_parameters f32;lora_gradients bf16;"
                "lora_worst_gradient bf16;lora_parameters bf16;ln_tuning_gradients f32;"
                "ln_tuning_worst_gradient f32;ln_tuning_parameters f32;full_gradients f32;"
                "full_worst_gradient f32;full_parameters f32;",
                "lora_loss f32;lora_grad_norm f32;lora_loss bf16;lora_grad_norm bf16;ln_tuning_loss f32;"
                "ln_tuning_grad_norm f32;full_loss f32;full_grad_norm f32;");
}

Test(model_check, a_tensors_wrong_gradient_is_seen)
{
    scene.all_kinds = false;
    expect_seen(spoil_lora_backward,
                "lora_worst_gradient f32;lora_parameters f32;lora_worst_gradient bf16;lora_parameters bf16;",
                "lora_loss f32;lora_grad_norm f32;lora_loss bf16;lora_grad_norm bf16;");
}

Test(model_check, a_wrong_gradient_of_full_training_is_seen)
{
    expect_seen(spoil_weight_gradient, "full_worst_gradient f32;",
                "full_grad_norm f32;full_gradients f32;full_parameters f32;");
}

Test(model_check, a_wrong_norm_is_seen)
{
    expect_seen(spoil_gradient_norm,
                "lora_grad_norm f32;lora_grad_norm bf16;ln_tuning_grad_norm f32;full_grad_norm f32;",
                "lora_loss f32;lora_parameters f32;lora_parameters bf16;ln_tuning_parameters f32;"
                "full_parameters f32;");
}

Test(model_check, a_wrong_update_is_seen)
{
    expect_seen(spoil_adamw,
                "lora_parameters f32;lora_parameters bf16;ln_tuning_parameters f32;full_parameters f32;",
                "lora_loss f32;lora_grad_norm f32;lora_loss bf16;lora_grad_norm bf16;ln_tuning_loss f32;"
                "ln_tuning_grad_norm f32;full_loss f32;full_grad_norm f32;");
}

Test(model_check, a_wrong_update_in_bf16_alone_is_seen)
{
    scene.all_kinds = false;
    only_bf16 = true;
    expect_seen(spoil_adamw, "lora_parameters bf16;", "lora_loss bf16;lora_grad_norm bf16;");
}

Test(model_check, a_wrong_token_is_seen)
{
    scene.all_kinds = false;
    expect_seen(spoil_sample, "greedy f32;sampled f32;sampled bf16;", "");
}

Test(model_check, wrong_attention_of_decoding_is_seen)
{
    scene.all_kinds = false;
    expect_seen(spoil_decode_attention, "greedy f32;sampled f32;sampled bf16;", "");
}

Test(model_check, a_wrong_replay_is_seen)
{
    expect_seen(spoil_replay, "lora_graph f32;lora_graph bf16;ln_tuning_graph f32;full_graph f32;", "");
}

/* The backends that are made: one to see that there is a device, three for the first kind
 * of training in f32, one for the greedy forecasts and two for the sampled ones. */
Test(model_check, steps_that_are_not_captured_are_seen)
{
    scene.all_kinds = false;
    only_one = 3;
    expect_seen(spoil_capture, "lora_graph f32;", "");
}

Test(model_check, a_training_that_is_another_when_repeated_is_seen)
{
    scene.all_kinds = false;
    only_one = 4;
    expect_seen(spoil_linear_forward, "lora_repeat f32;", "");
}

Test(model_check, a_forecast_that_is_another_when_repeated_is_seen)
{
    scene.all_kinds = false;
    only_one = 7;
    expect_seen(spoil_sample, "forecast_repeat f32;", "");
}

/* -- calls that fail -- */

Test(model_check, a_failed_capture_leaves_the_other_checks)
{
    scene.all_kinds = false;
    simt_fail_call("cudaGraphInstantiate", 1, 719);
    expect_seen(NULL, "lora_graph f32;lora_repeat f32;", "");
}

Test(model_check, a_failed_training_leaves_the_other_checks)
{
    simt_fail_call("launch", 20, 719);
    expect_seen(NULL,
                "lora_loss f32;lora_grad_norm f32;lora_gradients f32;lora_worst_gradient f32;lora_parameters "
                "f32;lora_graph f32;",
                "");
}

Test(model_check, a_lost_device_ends_the_checks)
{
    spoil = lose_device;
    only_bf16 = true;
    cr_expect_eq(run("lora_loss bf16;", "", NULL), 3);
    cr_expect_str_eq(last_check, "lora_loss bf16");
    cr_expect(begins(detail, "the device was lost: "), "%s", detail);
}

/* As after a loss in the other. */
Test(model_check, one_type_alone)
{
    scene.all_kinds = false;
    for (int i = 0; i < 2; i++) {
        scene.skip_f32 = i == 0;
        scene.skip_bf16 = i == 1;
        cr_expect_eq(run("", "", NULL), 0);
        cr_expect_null(last_check, "it ended with %s", last_check);
    }
}

/* -- NCCL -- */

Test(model_check, a_wrong_sum_over_ranks_is_seen)
{
    scene.all_kinds = false;
    wrong_nccl = true;
    expect_seen(NULL, "nccl f32;", "");
}

Test(model_check, a_communicator_that_cannot_be_made_is_seen)
{
    scene.all_kinds = false;
    simt_fail_call("ncclCommInitRank", 1, 2);
    expect_seen(NULL, "nccl f32;", "");
}

Test(model_check, nccl_that_is_not_there_is_no_failure)
{
    scene.all_kinds = false;
    no_nccl = true;
    cr_expect_eq(run("", "", "nccl f32"), 0);
    cr_expect_null(last_check, "it ended with %s", last_check);
}

/* -- where nothing can be checked -- */

static ft_status create_none(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    (void)dtype;
    *backend = NULL;
    return ft_fail(err, FT_BAD_INPUT, "there is no GPU 0");
}

Test(model_check, without_a_device_nothing_is_checked)
{
    ft_error err = {""};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_expect_eq(model_check(&scene, create_none, out, &err), 2);
    fclose(out);
    cr_expect_str_eq(text, "");
    cr_expect_str_eq(err.message, "there is no GPU 0");
    free(text);
}

Test(model_check, sizes)
{
    cr_expect_str_eq(model_check_scene_of("nano")->size, "nano");
    cr_expect_str_eq(model_check_scene_of("small")->size, "small");
    cr_expect_null(model_check_scene_of("nanO"));
}
