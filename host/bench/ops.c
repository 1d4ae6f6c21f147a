/* Runs the cases one by one; see ops.h. */
#include "host/bench/ops.h"

#include <string.h>

#include "host/bench/scene.h"

double ft_bench_floor(const ft_bench_op *op, const ft_bench_limits *limits, bool *by_bytes)
{
    const double bytes_rate = limits->bytes_per_second, flops_rate = limits->flops_per_second;
    *by_bytes = op->flops == 0;
    if ((op->bytes > 0 && bytes_rate == 0) || (op->flops > 0 && flops_rate == 0)) return 0;
    double moving = op->bytes > 0 ? op->bytes / bytes_rate : 0;
    double computing = op->flops > 0 ? op->flops / flops_rate : 0;
    *by_bytes = moving >= computing;
    return *by_bytes ? moving : computing;
}

ft_status ft_bench_ops(ft_bench_device *device, const ft_bench_job *job, const char *operation, int64_t skip,
                       ft_bench_report *report, void *context, ft_error *err)
{
    static const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large"};
    enum { N_SIZES = sizeof sizes / sizeof *sizes };
    ft_bench_limits limits = {0, 0};
    bool found = false;
    for (int c = 0; c < ft_bench_cases_count; c++)
        found = found || !operation || strstr(ft_bench_cases[c].operation, operation);
    if (!found)
        return ft_fail(err, FT_BAD_INPUT,
                       "no operation has \"%.60s\" in its name (they are named as in kernels/backend.h: "
                       "attention_forward, adamw, ...)",
                       operation);
    ft_model_config config;
    ft_status status = ft_config_for_size(job->size ? job->size : sizes[0], &config, err);
    if (status == FT_OK) status = ft_bench_measure_limits(device, job, &limits, report, context, err);
    for (int i = 0; i < (job->size ? 1 : N_SIZES) && status == FT_OK; i++) {
        const char *size = job->size ? job->size : sizes[i];
        status = ft_config_for_size(size, &config, err);
        for (int c = 0; c < ft_bench_cases_count && status == FT_OK; c++) {
            ft_bench_op op;
            ft_bench_seconds seconds;
            if (operation && !strstr(ft_bench_cases[c].operation, operation)) continue;
            if (skip-- > 0) continue;
            ft_bench_run_case(device->backend, job, &config, size, &ft_bench_cases[c], &op, &seconds);
            report(context, &op, &limits);
            if (op.failure.message[0]) status = ft_bench_recover(device, err);
        }
    }
    return status;
}
