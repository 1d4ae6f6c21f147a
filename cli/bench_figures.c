/* Measurements as JSON; see bench_figures.h. */
#include "cli/bench_figures.h"

#include <sys/resource.h>

static double peak_rss_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

/* The value if it is whole; else it is freed. */
static cJSON *whole(cJSON *value, bool complete)
{
    if (complete) return value;
    cJSON_Delete(value);
    return NULL;
}

static const char *dtype_name(const ft_backend *backend)
{
    return backend->bf16 ? "bf16" : "f32";
}

cJSON *ft_bench_job_json(const ft_backend *backend, const ft_bench_job *job, bool trains,
                         const ft_bench_figures *figures)
{
    const ft_flops *flops = &figures->flops;
    double total = ft_flops_total(flops), rate = total / figures->seconds;
    cJSON *o = cJSON_CreateObject(), *count = o ? cJSON_AddObjectToObject(o, "gflop") : NULL;
    return whole(
        o, count && cJSON_AddStringToObject(o, "size", job->size) &&
               cJSON_AddStringToObject(o, "device", backend->device) &&
               cJSON_AddStringToObject(o, "dtype", dtype_name(backend)) &&
               cJSON_AddNumberToObject(o, "threads", backend->n_threads) &&
               cJSON_AddNumberToObject(o, "seconds", figures->seconds) &&
               cJSON_AddNumberToObject(o, "tokens_per_second", figures->tokens / figures->seconds) &&
               cJSON_AddNumberToObject(o, "gflops", rate / 1e9) &&
               cJSON_AddNumberToObject(o, "matrix_peak_gflops", figures->matrix_peak / 1e9) &&
               cJSON_AddNumberToObject(o, "fraction_of_peak", rate / figures->matrix_peak) &&
               (!trains || cJSON_AddNumberToObject(o, "host_share", figures->host_share)) &&
               cJSON_AddNumberToObject(o, "peak_rss_bytes", peak_rss_bytes()) &&
               cJSON_AddNumberToObject(count, "projections_forward", flops->projections_forward / 1e9) &&
               cJSON_AddNumberToObject(count, "projections_backward", flops->projections_backward / 1e9) &&
               cJSON_AddNumberToObject(count, "head", flops->head / 1e9) &&
               cJSON_AddNumberToObject(count, "attention_forward", flops->attention_forward / 1e9) &&
               cJSON_AddNumberToObject(count, "attention_backward", flops->attention_backward / 1e9) &&
               cJSON_AddNumberToObject(count, "lora", flops->lora / 1e9) &&
               cJSON_AddNumberToObject(count, "total", total / 1e9));
}

/* Adds the object to the list if it is whole. */
static bool add_whole(cJSON *list, cJSON *o, bool complete)
{
    o = whole(o, complete);
    return o && cJSON_AddItemToArray(list, o);
}

bool ft_bench_add_product(cJSON *list, const ft_bench_product *p)
{
    cJSON *o = cJSON_CreateObject();
    bool complete = o && cJSON_AddStringToObject(o, "product", p->name) &&
                    cJSON_AddNumberToObject(o, "rows", (double)p->rows) &&
                    cJSON_AddNumberToObject(o, "in_features", p->in_features) &&
                    cJSON_AddNumberToObject(o, "out_features", p->out_features);
    if (complete && p->failure.message[0])
        complete = cJSON_AddStringToObject(o, "failure", p->failure.message);
    else if (complete)
        complete = cJSON_AddNumberToObject(o, "forward_gflops", p->forward / 1e9) &&
                   cJSON_AddNumberToObject(o, "backward_gflops", p->backward / 1e9);
    return add_whole(list, o, complete);
}

static bool add_rates(cJSON *o, const ft_bench_op *op, const ft_bench_limits *limits)
{
    bool by_bytes;
    double floor = ft_bench_floor(op, limits, &by_bytes);
    return cJSON_AddNumberToObject(o, "seconds", op->seconds) &&
           cJSON_AddNumberToObject(o, "gflops", op->flops / op->seconds / 1e9) &&
           cJSON_AddNumberToObject(o, "gb_per_s", op->bytes / op->seconds / 1e9) &&
           cJSON_AddStringToObject(o, "limit", by_bytes ? "bytes" : "flops") &&
           (floor > 0 ? cJSON_AddNumberToObject(o, "fraction_of_floor", floor / op->seconds)
                      : cJSON_AddNullToObject(o, "fraction_of_floor"));
}

bool ft_bench_add_op(cJSON *list, const ft_bench_op *op, const ft_bench_limits *limits)
{
    cJSON *o = cJSON_CreateObject();
    bool complete = o && cJSON_AddStringToObject(o, "operation", op->operation) &&
                    cJSON_AddStringToObject(o, "size", op->size) &&
                    cJSON_AddStringToObject(o, "place", op->place) &&
                    cJSON_AddStringToObject(o, "shape", op->shape);
    if (complete && op->failure.message[0])
        complete = cJSON_AddStringToObject(o, "failure", op->failure.message);
    else if (complete)
        complete = add_rates(o, op, limits);
    return add_whole(list, o, complete);
}
