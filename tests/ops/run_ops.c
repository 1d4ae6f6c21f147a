/* The table of operations against ref in double, without a test framework: for machines that have a GPU and
 * little else (bench/gpu_check.sh), and for kernels that were broken on purpose (tests/mutate.sh).
 *
 *   run_ops [--dtype f32|bf16] [--smallest N] [--stop] [--orders] [OPERATION]...
 *
 * Runs the named operations (all) on GPU 0, the smallest shapes first, in f32 and bf16 or one of them. A line
 * an operation and type on stdout, tab-separated: operation, dtype, shapes run, shapes passed, worst error,
 * its bound, and what is wrong with the worst. --smallest takes the N smallest shapes of each, --stop ends at
 * the first that fails. --orders, for the simulator alone, also runs every shape with threads in reverse and
 * in random order, which must give the same bits. Exit status: 0 all passed, 1 some did not, 2 wrong usage or
 * a device that does not work. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/ops.h"
#ifdef FT_SIMULATED
#include "tests/simt/simt.h"
#endif

typedef struct options {
    const char *dtype; /* NULL: both */
    int smallest;      /* 0: all */
    bool stop, orders;
    char **operations;
    int n_operations;
} options;

enum { MOST_SHAPES = 256 };

/* -- the orders of the simulator -- */

#ifdef FT_SIMULATED

static void (*plain_to_device)(ft_backend *self, void *device, const void *host, size_t bytes);
static simt_order other_order;

/* A case begins by copying its inputs to its backend: the moment to change to that backend's order. */
static void forward_from_here(ft_backend *self, void *device, const void *host, size_t bytes)
{
    simt_set_order(SIMT_FORWARD, 0);
    plain_to_device(self, device, host, bytes);
}

static void other_from_here(ft_backend *self, void *device, const void *host, size_t bytes)
{
    simt_set_order(other_order, 12345);
    plain_to_device(self, device, host, bytes);
}

/* The shape in reverse and in random order against forward order: any difference is an error above the bound.
 */
static ft_status check_orders(const ft_op *op, int shape, ft_dtype dtype, ft_op_result *result, ft_error *err)
{
    ft_backend *forward = NULL, *other = NULL;
    ft_status status = ft_cuda_create(0, dtype, &forward, err);
    if (status == FT_OK) status = ft_cuda_create(0, dtype, &other, err);
    if (status == FT_OK) {
        plain_to_device = forward->to_device;
        forward->to_device = forward_from_here;
        other->to_device = other_from_here;
    }
    for (int order = SIMT_REVERSE; order <= SIMT_RANDOM && status == FT_OK && result->passed; order++) {
        ft_op_result same;
        other_order = (simt_order)order;
        status = ft_op_check(op, shape, forward, other, &same, err);
        if (status != FT_OK || same.error == 0) continue;
        *result = same;
        result->passed = false;
        result->bound = 0;
    }
    if (forward) forward->free(forward);
    if (other) other->free(other);
    simt_set_order(SIMT_FORWARD, 0);
    return status;
}

#else

static ft_status check_orders(const ft_op *op, int shape, ft_dtype dtype, ft_op_result *result, ft_error *err)
{
    (void)op, (void)shape, (void)dtype, (void)result;
    return ft_fail(err, FT_BAD_INPUT, "--orders: a real device's threads run as they like");
}

#endif

/* -- the table -- */

/* Something that grows with the work. */
static double size_of(const ft_op_shape *s)
{
    double size = 1;
    const int32_t factors[] = {s->sequences,      s->length, s->in,   s->out,
                               s->heads,          s->d_kv,   s->rank, s->kv_length ? s->kv_length : s->length,
                               s->paths_per_cache};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (factors[i] > 0) size *= factors[i];
    return size;
}

/* The shapes' indices, the smallest first. */
static int sort_shapes(const ft_op *op, int order[MOST_SHAPES])
{
    int count = *op->n_shapes < MOST_SHAPES ? *op->n_shapes : MOST_SHAPES;
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && size_of(&op->shapes[order[at - 1]]) > size_of(&op->shapes[i]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}

/* One operation in one type. False: something failed. */
static bool run_operation(const options *o, const ft_op *op, ft_dtype dtype, ft_backend *reference)
{
    int order[MOST_SHAPES], count = sort_shapes(op, order), ran = 0, passed = 0;
    char text[256], wrong[512] = "";
    double worst = 0, bound = 0;
    if (o->smallest && o->smallest < count) count = o->smallest;
    for (; ran < count && (passed == ran || !o->stop); ran++) {
        const ft_op_shape *shape = &op->shapes[order[ran]];
        ft_backend *tested = NULL;
        ft_op_result result = {0};
        ft_error err = {""};
        /* A device of its own, since a failure stays with it. */
        ft_status status = ft_cuda_create(0, dtype, &tested, &err);
        if (status == FT_OK) status = ft_op_check(op, order[ran], reference, tested, &result, &err);
        if (tested) tested->free(tested);
        if (status == FT_OK && result.passed && o->orders)
            status = check_orders(op, order[ran], dtype, &result, &err);
        passed += status == FT_OK && result.passed;
        if (result.error > worst) worst = result.error;
        bound = result.bound;
        if (!*wrong && status != FT_OK)
            snprintf(wrong, sizeof wrong, "%.200s: %.250s", ft_op_describe(shape, text), err.message);
        else if (!*wrong && !result.passed)
            snprintf(wrong, sizeof wrong, "%.200s: %.95s", ft_op_describe(shape, text), result.worst);
    }
    printf("%s\t%s\t%d\t%d\t%.3g\t%.3g\t%s\n", op->name, dtype == FT_BF16 ? "bf16" : "f32", ran, passed,
           worst, bound, wrong);
    fflush(stdout);
    return ran > 0 && passed == ran;
}

static bool is_wanted(const options *o, const ft_op *op)
{
    bool wanted = o->n_operations == 0;
    for (int i = 0; i < o->n_operations; i++) wanted = wanted || strcmp(o->operations[i], op->name) == 0;
    return wanted;
}

static int parse(int argc, char **argv, options *o)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--stop") == 0)
            o->stop = true;
        else if (strcmp(argv[i], "--orders") == 0)
            o->orders = true;
        else if (strcmp(argv[i], "--dtype") == 0 && i + 1 < argc)
            o->dtype = argv[++i];
        else if (strcmp(argv[i], "--smallest") == 0 && i + 1 < argc)
            o->smallest = atoi(argv[++i]);
        else
            return 2;
    }
    o->operations = argv + i;
    o->n_operations = argc - i;
    return 0;
}

int main(int argc, char **argv)
{
    options o = {0};
    ft_backend *reference = NULL, *device = NULL;
    ft_error err = {""};
    int found = 0, status = parse(argc, argv, &o);
    bool good = true;
    if (status != 0) {
        fputs("usage: run_ops [--dtype f32|bf16] [--smallest N] [--stop] [--orders] [OPERATION]...\n",
              stderr);
        return status;
    }
    if (ft_ref_create(FT_F64, &reference, &err) != FT_OK ||
        ft_cuda_create(0, FT_F32, &device, &err) != FT_OK) {
        fprintf(stderr, "run_ops: %s\n", err.message);
        return 2;
    }
    device->free(device);
    for (int i = 0; i < ft_ops_count && (good || !o.stop); i++) {
        if (!is_wanted(&o, &ft_ops[i])) continue;
        found++;
        if (!o.dtype || strcmp(o.dtype, "f32") == 0) good &= run_operation(&o, &ft_ops[i], FT_F32, reference);
        if (o.stop && !good) break;
        if (!o.dtype || strcmp(o.dtype, "bf16") == 0)
            good &= run_operation(&o, &ft_ops[i], FT_BF16, reference);
    }
    reference->free(reference);
#ifdef FT_SIMULATED
    if (simt_fault()) {
        fprintf(stderr, "run_ops: %s\n", simt_fault());
        good = false;
    }
#endif
    if (found == 0) fputs("run_ops: no such operation\n", stderr);
    return good && found > 0 ? 0 : 1;
}
