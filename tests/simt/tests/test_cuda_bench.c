/* Measuring a simulated GPU: when an operation fails, the others are still timed; when
 * the device is lost, measuring ends and keeps what it has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "host/bench/ops.h"
#include "tests/simt/simt.h"

enum { DEVICE_BYTES = 1 << 26, OUT_OF_MEMORY = 2, FAILURE = 719 };

static const ft_bench_job job = {.size = "nano",
                                 .steps = 1,
                                 .batch_size = 1,
                                 .context_length = 7,
                                 .prediction_length = 3,
                                 .lora_rank = 8,
                                 .n_series = 1,
                                 .num_samples = 2};

/* The operations with "norm" in their names: three, behind the two limits. */
enum { NORMS = 3, LINES = 2 + NORMS };

typedef struct recorder {
    int lines, failures, opened;
    int fail_behind;      /* the line after which `function` fails once */
    const char *function; /* NULL: the device breaks */
    int error;
    char failed[256]; /* "operation, place, shape: message" of the first that did */
} recorder;

/* A fault, whichever: after it every call fails. (There is no device of that
 * capability.) */
static void break_device(void)
{
    simt_set_capability(0, 1);
    cr_assert(simt_fault());
}

static void record(void *context, const ft_bench_op *op, const ft_bench_limits *limits)
{
    recorder *r = context;
    r->lines++;
    if (op->failure.message[0]) {
        if (r->failures++ == 0)
            snprintf(r->failed, sizeof r->failed, "%s, %s, %s: %.120s", op->operation, op->place, op->shape,
                     op->failure.message);
    } else {
        bool by_bytes;
        cr_expect(op->seconds > 0, "%s has no time", op->operation);
        cr_expect(ft_bench_floor(op, limits, &by_bytes) > 0 || !limits->bytes_per_second, "%s has no floor",
                  op->operation);
    }
    if (r->lines != r->fail_behind) return;
    if (r->function)
        simt_fail_call(r->function, 1, r->error);
    else
        break_device();
}

static ft_status open_again(void *context, ft_backend **backend, ft_error *err)
{
    recorder *r = context;
    if (*backend) (*backend)->free(*backend);
    *backend = NULL;
    r->opened++;
    return ft_cuda_create(0, FT_BF16, backend, err);
}

/* As the driver does for a new process. */
static ft_status open_after_reset(void *context, ft_backend **backend, ft_error *err)
{
    ft_status status = open_again(context, backend, err);
    if (status == FT_OK) return status;
    simt_reset(1, DEVICE_BYTES);
    return ft_cuda_create(0, FT_BF16, backend, err);
}

static ft_status measure(recorder *r, ft_status (*reopen)(void *context, ft_backend **backend, ft_error *err),
                         int64_t skip, ft_error *err)
{
    simt_reset(1, DEVICE_BYTES);
    ft_bench_device device = {NULL, reopen, r};
    cr_assert_eq(ft_cuda_create(0, FT_BF16, &device.backend, err), FT_OK, "%s", err->message);
    ft_status status = ft_bench_ops(&device, &job, "norm", skip, record, r, err);
    if (device.backend) device.backend->free(device.backend);
    if (!simt_fault()) cr_expect_eq(simt_counted().allocated_bytes, 0, "device memory is left");
    return status;
}

Test(bench, every_operation_is_timed_by_replays)
{
    recorder r = {.lines = 0};
    ft_error err = {""};
    cr_assert_eq(measure(&r, open_again, 0, &err), FT_OK, "%s", err.message);
    cr_expect(r.lines == LINES && r.failures == 0 && r.opened == 0, "%d lines, %d failures", r.lines,
              r.failures);
    cr_expect(simt_counted().captures >= LINES && simt_counted().replays >= 2 * LINES,
              "%d graphs, %d replays", (int)simt_counted().captures, (int)simt_counted().replays);
    recorder rest = {.lines = 0};
    cr_assert_eq(measure(&rest, open_again, 2, &err), FT_OK, "%s", err.message);
    cr_expect_eq(rest.lines, LINES - 2);
}

/* Whichever call fails. */
Test(bench, one_that_fails_leaves_the_others_timed)
{
    static const struct {
        const char *function;
        /* 1: the second limit fails, 3: an operation, 4: the last one */
        int error, behind;
    } calls[] = {{"launch", FAILURE, 3},          {"cudaMalloc", OUT_OF_MEMORY, 1},
                 {"cudaMemcpyAsync", FAILURE, 4}, {"cudaStreamEndCapture", FAILURE, 3},
                 {"cudaGraphLaunch", FAILURE, 4}, {"cudaStreamSynchronize", FAILURE, 3}};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        recorder r = {.fail_behind = calls[c].behind, .function = calls[c].function, .error = calls[c].error};
        ft_error err = {""};
        cr_expect_eq(measure(&r, open_again, 0, &err), FT_OK, "%s: %s", r.function, err.message);
        cr_expect(r.lines == LINES && r.failures == 1 && r.opened == 1,
                  "%s behind line %d: %d lines, %d failures, opened %d times: %s", r.function, r.fail_behind,
                  r.lines, r.failures, r.opened, r.failed);
        if (r.fail_behind == 3)
            cr_expect(strncmp(r.failed, "add_norm_backward, encoder, 8 x 64: ", 36) == 0, "%s", r.failed);
    }
}

Test(bench, a_lost_device_ends_the_measuring)
{
    recorder r = {.fail_behind = 3};
    ft_error err = {""};
    cr_expect_eq(measure(&r, open_again, 0, &err), FT_FAILED);
    cr_expect(strstr(err.message, "the device is lost"), "%s", err.message);
    cr_expect(r.lines == 4 && r.failures == 1, "%d lines, %d failures", r.lines, r.failures);
}

Test(bench, a_failure_that_stays_with_the_backend_does_not_reach_the_next)
{
    recorder r = {.fail_behind = 3};
    ft_error err = {""};
    cr_expect_eq(measure(&r, open_after_reset, 0, &err), FT_OK, "%s", err.message);
    cr_expect(r.lines == LINES && r.failures == 1, "%d lines, %d failures", r.lines, r.failures);
}
