/* Training steps of an adapter batch on the device: against ref, captured against
 * plainly queued, and twice; see model_check.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu_check/trace.h"
#include "model/adapter_kinds.h"

static const char *const kind_names[] = {FT_ADAPTER_KIND_NAMES};

/* -- comparing -- */

/* The largest of some errors, and where it was. */
typedef struct finding {
    double worst;
    char where[192];
} finding;

static bool is_worse(finding *f, double error)
{
    if (f->where[0] && (error <= f->worst || isnan(f->worst))) return false;
    f->worst = error;
    return true;
}

/* A value of each step and adapter: the difference over what is wanted. */
static finding compare_steps(const trace *t, const double got[TRACE_STEPS][CHECK_ADAPTERS],
                             const double wanted[TRACE_STEPS][CHECK_ADAPTERS])
{
    finding f = {0};
    for (int32_t step = 0; step < t->n_steps; step++)
        for (int32_t g = 0; g < t->n_adapters; g++)
            if (is_worse(&f, fabs(got[step][g] - wanted[step][g]) / fabs(wanted[step][g])))
                snprintf(f.where, sizeof f.where, "step %d, adapter %d: %.7g, by ref %.7g", (int)step + 1,
                         (int)g, got[step][g], wanted[step][g]);
    return f;
}

/* ||got - wanted|| / ||wanted - from|| over some of the values; from NULL: zeros. */
static double distance(const float *got, const float *wanted, const float *from, int64_t first, int64_t count)
{
    double difference = 0, size = 0;
    for (int64_t i = first; i < first + count; i++) {
        double off = (double)got[i] - (double)wanted[i];
        double far = (double)wanted[i] - (from ? (double)from[i] : 0);
        difference += off * off;
        size += far * far;
    }
    return sqrt(difference / size);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) - isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

/* Tensor by tensor of each adapter; the median as well. */
static finding compare_gradients(const check_run *run, const trace *got, const trace *ref, double *median)
{
    finding f = {0};
    int32_t n = 0;
    double errors[CHECK_ADAPTERS * TRACE_PARTS];
    for (int32_t g = 0; g < ref->n_adapters; g++)
        for (int32_t i = 0; i < ref->n_parts; i++) {
            const trace_part *part = &ref->parts[i];
            double error =
                distance(got->gradients, ref->gradients, NULL, g * ref->n_params + part->first, part->count);
            errors[n++] = error;
            if (is_worse(&f, error))
                snprintf(f.where, sizeof f.where, "adapter %d, %s%s", (int)g,
                         ft_tensor_name_of(&run->config, part->tensor).text,
                         !ft_adapter_kinds[ref->kind].is_low_rank ? ""
                         : part->is_b                             ? ", B"
                                                                  : ", A");
        }
    qsort(errors, (size_t)n, sizeof *errors, by_value);
    *median = errors[n / 2];
    return f;
}

/* Adapter by adapter, not tensor by tensor: AdamW's first steps follow the gradient's
 * sign alone, and where rounding turned one sign round, a small tensor differs much. */
static finding compare_parameters(const trace *got, const trace *ref)
{
    finding f = {0};
    for (int32_t g = 0; g < ref->n_adapters; g++)
        if (is_worse(&f, distance(got->end, ref->end, ref->start, g * ref->n_params, ref->n_params)))
            snprintf(f.where, sizeof f.where, "adapter %d", (int)g);
    return f;
}

/* How many losses, norms and parameters have other bits. */
static finding compare_bits(const trace *one, const trace *other)
{
    finding f = {0};
    for (int32_t step = 0; step < one->n_steps; step++)
        for (int32_t g = 0; g < one->n_adapters; g++) {
            const double a[] = {one->loss[step][g], one->grad_norm[step][g]};
            const double b[] = {other->loss[step][g], other->grad_norm[step][g]};
            if (memcmp(a, b, sizeof a) == 0) continue;
            f.worst++;
            if (!f.where[0])
                snprintf(f.where, sizeof f.where,
                         "step %d, adapter %d: loss %.9g and %.9g, norm %.9g and %.9g", (int)step + 1, (int)g,
                         a[0], b[0], a[1], b[1]);
        }
    for (int64_t i = 0; i < one->n_adapters * one->n_params; i++)
        f.worst += memcmp(&one->end[i], &other->end[i], sizeof(float)) != 0;
    if (f.worst > 0 && !f.where[0]) snprintf(f.where, sizeof f.where, "parameters after the last step");
    return f;
}

/* -- the lines -- */

/* What two trainings were found to differ by, or why one of them failed. */
static void write_line(check_run *run, const char *what, ft_dtype dtype, const trace *one, const trace *other,
                       finding f, double bound)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", kind_names[one->kind], what);
    if (one->status == FT_OK && other->status == FT_OK)
        check_result(run, name, dtype, f.worst, bound, f.where);
    else
        check_error(run, name, dtype, one->status == FT_OK ? &other->err : &one->err);
}

/* The bounds leave room for rounding. In f32 a rounding of 3e-7 now and then switches
 * one ReLU of a few hundred thousand: a gradient that passes it changes by 3e-3, at
 * worst by 3e-2, and the gradient's norm by 1e-3; AdamW's first steps, which follow
 * signs, change by the root of that. All other tensors stay, so that their median
 * shows a fault that is everywhere. In bf16 switches happen all the time, in ref as
 * well. */
static void check_against_reference(check_run *run, ft_dtype dtype, const trace *device, const trace *ref)
{
    finding loss = {0}, norm = {0}, worst_gradient = {0}, median_gradient = {0}, parameters = {0};
    const bool bf16 = dtype == FT_BF16;
    if (device->status == FT_OK && ref->status == FT_OK) {
        loss = compare_steps(ref, device->loss, ref->loss);
        norm = compare_steps(ref, device->grad_norm, ref->grad_norm);
        worst_gradient = compare_gradients(run, device, ref, &median_gradient.worst);
        parameters = compare_parameters(device, ref);
    }
    write_line(run, "loss", dtype, device, ref, loss, bf16 ? 5e-3 : 1e-4);
    write_line(run, "grad_norm", dtype, device, ref, norm, bf16 ? 5e-2 : 1e-2);
    write_line(run, "gradients", dtype, device, ref, median_gradient, bf16 ? 1e-1 : 5e-3);
    write_line(run, "worst_gradient", dtype, device, ref, worst_gradient, bf16 ? 4e-1 : 5e-2);
    write_line(run, "parameters", dtype, device, ref, parameters, bf16 ? 2.5e-1 : 1e-1);
}

static void check_bits(check_run *run, const char *what, ft_dtype dtype, const trace *one, const trace *other)
{
    finding f = {0};
    if (one->status == FT_OK && other->status == FT_OK) f = compare_bits(one, other);
    if (one->n_replays != one->n_steps - 1 && f.worst == 0) {
        f.worst = one->n_steps - 1 - one->n_replays;
        snprintf(f.where, sizeof f.where, "%d of %d steps were replayed", (int)one->n_replays,
                 (int)one->n_steps - 1);
    }
    write_line(run, what, dtype, one, other, f, 0);
}

void check_training(check_run *run, ft_adapter_kind kind, ft_dtype dtype)
{
    if (run->lost) return;
    trace ref = trace_on_reference(run, kind, dtype);
    trace plain = trace_on_device(run, kind, dtype, false);
    check_against_reference(run, dtype, &plain, &ref);
    trace graph = trace_on_device(run, kind, dtype, true), again = trace_on_device(run, kind, dtype, true);
    check_bits(run, "graph", dtype, &graph, &plain);
    check_bits(run, "repeat", dtype, &again, &graph);
    trace_free(&ref);
    trace_free(&plain);
    trace_free(&graph);
    trace_free(&again);
}
