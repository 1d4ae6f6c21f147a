/* Running a case on two backends and comparing, and timing a case; see ops.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/ref/ref.h"
#include "tests/ops/scene.h"

char *ft_op_describe(const ft_op_shape *shape, char out[256])
{
    const struct {
        const char *name;
        double value;
    } parts[] = {{"adapters", shape->adapters},
                 {"sequences", shape->sequences},
                 {"length", shape->length},
                 {"in", shape->in},
                 {"out", shape->out},
                 {"heads", shape->heads},
                 {"d_kv", shape->d_kv},
                 {"kv_length", shape->kv_length},
                 {"rank", shape->rank},
                 {"targets", shape->targets},
                 {"paths_per_cache", shape->paths_per_cache},
                 {"top_k", shape->top_k},
                 {"top_p", (double)shape->top_p},
                 {"temperature", (double)shape->temperature},
                 {"dropout", (double)shape->dropout},
                 {"scale", (double)shape->scale}};
    const char *flags[] = {"strided", "accumulate", "real_in", "real_out",    "in_place", "absent",
                           "causal",  "masked",     "biased",  "padded_rank", "tied",     "impossible"};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts && used < 255; i++)
        if (parts[i].value != 0)
            used += (size_t)snprintf(out + used, 256 - used, "%s%s=%g", used ? " " : "", parts[i].name,
                                     parts[i].value);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && used < 255; i++)
        if (shape->flags >> i & 1u) used += (size_t)snprintf(out + used, 256 - used, " %s", flags[i]);
    return out;
}

int ft_op_chunks(const ft_op_shape *shape)
{
    enum { CHUNK = 64 };
    int32_t longest = shape->heads > 0 ? shape->length : 0;
    const int32_t others[] = {shape->kv_length, shape->in, shape->out, shape->rank};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] > longest) longest = others[i];
    return (longest + CHUNK - 1) / CHUNK;
}

double ft_op_size(const ft_op_shape *s)
{
    double size = 1;
    const int32_t factors[] = {
        s->sequences,       s->length, s->in,   s->out,
        s->heads,           s->d_kv,   s->rank, s->kv_length ? s->kv_length : s->length,
        s->paths_per_cache, s->targets};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (factors[i] > 0) size *= factors[i];
    return size;
}

int ft_op_smallest(const ft_op *op, int most, int *indices)
{
    int count = 0;
    for (int i = 0; i < *op->n_shapes; i++) {
        double size = ft_op_size(&op->shapes[i]);
        int at = count;
        while (at > 0 && ft_op_size(&op->shapes[indices[at - 1]]) > size) at--;
        if (at == most) continue;
        if (count < most) count++;
        for (int k = count - 1; k > at; k--) indices[k] = indices[k - 1];
        indices[at] = i;
    }
    return count;
}

static ft_status play(const ft_op *op, int shape, ft_backend *backend, bool bf16_values, ft_op_scene *scene,
                      ft_error *err)
{
    scene->backend = backend;
    scene->shape = &op->shapes[shape];
    scene->bf16_values = bf16_values;
    scene->seed = ft_philox_key_of((uint32_t)shape, 0, 0).word[0];
    for (const char *c = op->name; *c; c++) scene->seed = scene->seed * 31u + (unsigned char)*c;
    op->run(scene, scene->shape);
    if (scene->status == FT_OK) scene->status = backend->synchronize(backend, &scene->error);
    return scene->status == FT_OK ? FT_OK
                                  : ft_fail(err, scene->status, "%s: %s", op->name, scene->error.message);
}

static double value_at(const op_tensor *tensor, int64_t row, int64_t col)
{
    int64_t first = (tensor->view.stride - tensor->view.cols) / 2;
    return ft_ref_load(tensor->host, tensor->view.dtype, row * tensor->view.stride + first + col);
}

/* Worst error of one result; NaN counts as infinite. */
static void compare(const op_tensor *wanted, const op_tensor *got, ft_op_result *result)
{
    int64_t rows = wanted->view.rows, cols = wanted->view.cols, finite = 0;
    double squares = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t col = 0; col < cols; col++) {
            double value = value_at(wanted, row, col);
            if (!isfinite(value)) continue;
            squares += value * value;
            finite++;
        }
    double size = (finite ? sqrt(squares / (double)finite) : 0) + wanted->floor;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t col = 0; col < cols; col++) {
            double a = value_at(wanted, row, col), b = value_at(got, row, col), error = 0;
            if (a != b) error = got->exact ? INFINITY : fabs(a - b) / (fabs(a) + size);
            if (isnan(error)) error = INFINITY;
            if (error < result->error || (error == result->error && result->worst[0])) continue;
            result->error = error;
            snprintf(result->worst, sizeof result->worst, "%s[%lld, %lld] is %.9g, not %.9g", wanted->name,
                     (long long)row, (long long)col, b, a);
        }
}

/* Whether the gaps between the rows are as they were. */
static bool gaps_untouched(ft_op_scene *scene, ft_op_result *result)
{
    for (int i = 0; i < scene->n_tensors; i++) {
        const op_tensor *tensor = &scene->tensors[i];
        int64_t stride = tensor->view.stride, first = (stride - tensor->view.cols) / 2;
        if (!tensor->host || first == 0) continue;
        for (int64_t e = 0; e < tensor->block_elements; e++) {
            bool inside = e % stride >= first && e % stride < first + tensor->view.cols;
            double value = ft_ref_load(tensor->host, tensor->view.dtype, e);
            if (inside || fabs(value - 777) < 2) continue; /* bf16 has 776 */
            snprintf(result->worst, sizeof result->worst, "%s: a gap between rows was written (row %lld)",
                     tensor->name, (long long)(e / stride));
            return false;
        }
    }
    return true;
}

ft_status ft_op_check(const ft_op *op, int shape, ft_backend *reference, ft_backend *tested,
                      ft_op_result *result, ft_error *err)
{
    ft_op_scene wanted = {0}, got = {0};
    *result = (ft_op_result){.bound = tested->bf16 ? op->bound_bf16 : op->bound_f32};
    ft_status status = play(op, shape, reference, tested->bf16, &wanted, err);
    if (status == FT_OK) status = play(op, shape, tested, tested->bf16, &got, err);
    if (status != FT_OK) goto cleanup;
    int results = 0;
    for (int i = 0; i < wanted.n_tensors; i++) {
        if (!wanted.tensors[i].name) continue;
        compare(&wanted.tensors[i], &got.tensors[i], result);
        results++;
    }
    result->passed = results > 0 && result->error <= result->bound && gaps_untouched(&got, result);
    if (results == 0) snprintf(result->worst, sizeof result->worst, "nothing was compared");
cleanup:
    op_scene_free(&wanted);
    op_scene_free(&got);
    return status;
}

/* Whether a result has the same bits in two runs. */
static bool same_bits(const op_tensor *first, const op_tensor *again, ft_op_result *result)
{
    int64_t stride = first->view.stride, gap = (stride - first->view.cols) / 2;
    size_t bytes = ft_dtype_bytes(first->view.dtype);
    for (int64_t row = 0; row < first->view.rows; row++)
        for (int64_t col = 0; col < first->view.cols; col++) {
            size_t at = (size_t)(row * stride + gap + col) * bytes;
            if (memcmp((const char *)first->host + at, (const char *)again->host + at, bytes) == 0) continue;
            snprintf(result->worst, sizeof result->worst, "%s[%lld, %lld] is %.9g, then %.9g", first->name,
                     (long long)row, (long long)col, value_at(first, row, col), value_at(again, row, col));
            return false;
        }
    return true;
}

ft_status ft_op_repeat(const ft_op *op, int shape, ft_backend *first, ft_backend *again, int times,
                       ft_op_result *result, ft_error *err)
{
    ft_op_scene once = {0};
    *result = (ft_op_result){.passed = true};
    ft_status status = play(op, shape, first, first->bf16, &once, err);
    int compared = 0;
    for (int n = 0; n < times && status == FT_OK && result->passed; n++) {
        ft_op_scene more = {0};
        status = play(op, shape, again, again->bf16, &more, err);
        for (int i = 0; i < once.n_tensors && status == FT_OK && result->passed; i++) {
            if (!once.tensors[i].name) continue;
            result->passed = same_bits(&once.tensors[i], &more.tensors[i], result);
            compared++;
        }
        op_scene_free(&more);
    }
    if (compared == 0) {
        result->passed = false;
        snprintf(result->worst, sizeof result->worst, "nothing was compared");
    }
    op_scene_free(&once);
    return status;
}
