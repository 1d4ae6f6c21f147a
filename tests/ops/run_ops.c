/* The table of operations against ref in double, without a test framework: for machines
 * that have a GPU and little else (bench/gpu_check.sh), and for kernels that were broken
 * on purpose (tests/mutate.sh).
 *
 *   run_ops [OPTION]... [OPERATION]...
 *
 * Runs the named operations (all) on GPU 0, the smallest shapes first, in f32 and bf16. A
 * line an operation and type on stdout, tab-separated: operation, dtype, shapes run,
 * shapes passed, worst error, its bound, and what is wrong with the first that failed.
 *
 *   --dtype f32|bf16         one of the types
 *   --min-chunks N           only shapes of at least N chunks (ft_op_chunks): 3 for
 *                            racecheck, since memory that is loaded in advance is used
 *                            again from the third chunk on
 *   --max-chunks N           only shapes of at most N chunks: 2 for memcheck
 *   --smallest N             of those the N smallest of each operation
 *   --repeat N               every shape also runs N times on one device, which must give
 *                            the same bits
 *   --orders                 in the simulator alone: also with threads in reverse and in
 *                            random order, which must give the same bits
 *   --stop                   ends at the first shape that fails
 *   --after OPERATION/DTYPE  begins behind that line of the table
 *
 * A GPU that has touched memory which is not the kernel's, or whose kernel died, is lost
 * to the process: every later call fails, on any backend. The line of the operation at
 * hand then says so and is the last, the shapes that it did not run count as neither run
 * nor passed, and the exit status is 3. A new process with the same options and --after
 * OPERATION/DTYPE of that line goes on.
 *
 * Exit status: 0 all passed, 1 some did not, 2 wrong usage or a device that does not
 * work, 3 the device was lost. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/ops.h"
#ifdef FT_SIMULATED
#include "tests/simt/simt.h"
#endif

typedef struct options {
    const char *dtype;          /* NULL: both */
    int smallest, repeat;       /* 0: all; once */
    int min_chunks, max_chunks; /* 0: any */
    int after;                  /* place in the table, -1: from the beginning */
    bool stop, orders;
    char **operations;
    int n_operations;
} options;

/* What came of an operation in one type. */
typedef enum outcome { PASSED, FAILED, LOST } outcome;

enum { MOST_SHAPES = 256 };

/* What passed has not: `same` says where its bits differ. */
static void differs(ft_op_result *result, const char *how, const ft_op_result *same)
{
    result->passed = false;
    snprintf(result->worst, sizeof result->worst, "differs %s: %.60s", how, same->worst);
}

/* -- the orders of the simulator -- */

#ifdef FT_SIMULATED

static void (*plain_to_device)(ft_backend *self, void *device, const void *host, size_t bytes);
static simt_order other_order;

/* A case begins by copying its inputs to its backend: the moment to change to that
 * backend's order. */
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

/* The shape in reverse and in random order against forward order. */
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
        status = ft_op_repeat(op, shape, forward, other, 1, &same, err);
        if (status == FT_OK && !same.passed) differs(result, "with the order of threads", &same);
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

/* The indices of the shapes that are asked for, the smallest first; returns how many. */
static int choose_shapes(const options *o, const ft_op *op, int order[MOST_SHAPES])
{
    int count = 0;
    for (int i = 0; i < *op->n_shapes && count < MOST_SHAPES; i++) {
        int chunks = ft_op_chunks(&op->shapes[i]), at = count;
        if (chunks < o->min_chunks || (o->max_chunks && chunks > o->max_chunks)) continue;
        for (; at > 0 && ft_op_size(&op->shapes[order[at - 1]]) > ft_op_size(&op->shapes[i]); at--)
            order[at] = order[at - 1];
        order[at] = i;
        count++;
    }
    return o->smallest && o->smallest < count ? o->smallest : count;
}

/* One shape, on a device of its own, since a failure stays with it. */
static ft_status run_shape(const options *o, const ft_op *op, int shape, ft_dtype dtype,
                           ft_backend *reference, ft_op_result *result, ft_error *err)
{
    ft_backend *tested = NULL;
    ft_status status = ft_cuda_create(0, dtype, &tested, err);
    if (status == FT_OK) status = ft_op_check(op, shape, reference, tested, result, err);
    if (status == FT_OK && result->passed && o->repeat > 1) {
        ft_op_result same;
        status = ft_op_repeat(op, shape, tested, tested, o->repeat - 1, &same, err);
        if (status == FT_OK && !same.passed) differs(result, "from run to run", &same);
    }
    if (tested) tested->free(tested);
    if (status == FT_OK && result->passed && o->orders) status = check_orders(op, shape, dtype, result, err);
    return status;
}

/* Whether a new backend can be made and written to. */
static bool device_works(ft_dtype dtype)
{
    ft_backend *fresh = NULL;
    ft_error err;
    if (ft_cuda_create(0, dtype, &fresh, &err) != FT_OK) return false;
    void *block = fresh->allocate(fresh, 1, &err);
    if (block) fresh->zero(fresh, block, 1);
    bool works = block && fresh->synchronize(fresh, &err) == FT_OK;
    fresh->release(fresh, block);
    fresh->free(fresh);
    return works;
}

/* One operation in one type, and its line. */
static outcome run_operation(const options *o, const ft_op *op, ft_dtype dtype, ft_backend *reference)
{
    int order[MOST_SHAPES], count = choose_shapes(o, op, order), ran = 0, passed = 0;
    char text[256], lost[64] = "", wrong[512] = "";
    double worst = 0, bound = 0;
    while (ran < count && !*lost && (passed == ran || !o->stop)) {
        int shape = order[ran++];
        ft_op_result result = {0};
        ft_error err = {""};
        ft_status status = run_shape(o, op, shape, dtype, reference, &result, &err);
        passed += status == FT_OK && result.passed;
        if (result.error > worst) worst = result.error;
        bound = result.bound;
        if (status != FT_OK && !device_works(dtype))
            snprintf(lost, sizeof lost, "the device was lost, ran %d of %d: ", ran, count);
        ft_op_describe(&op->shapes[shape], text);
        if (status != FT_OK && (*lost || !*wrong))
            snprintf(wrong, sizeof wrong, "%.200s: %.250s", text, err.message);
        else if (!result.passed && !*wrong)
            snprintf(wrong, sizeof wrong, "%.200s: %.95s", text, result.worst);
    }
    if (count == 0) snprintf(wrong, sizeof wrong, "it has no shape of so many chunks");
    printf("%s\t%s\t%d\t%d\t%.3g\t%.3g\t%s%s\n", op->name, dtype == FT_BF16 ? "bf16" : "f32", ran, passed,
           worst, bound, lost, wrong);
    fflush(stdout);
    return *lost ? LOST : ran > 0 && passed == ran ? PASSED : FAILED;
}

/* -- the command line -- */

/* The table's lines: operation i in f32 at 2 i, in bf16 behind it. */
static ft_dtype dtype_at(int place)
{
    return place % 2 ? FT_BF16 : FT_F32;
}

/* The operation of that name (its first `length` characters); -1: there is none. */
static int find_operation(const char *name, size_t length)
{
    for (int i = 0; i < ft_ops_count; i++)
        if (strlen(ft_ops[i].name) == length && memcmp(ft_ops[i].name, name, length) == 0) return i;
    return -1;
}

/* Of OPERATION/DTYPE; -1: that is no line of the table. */
static int find_place(const char *text)
{
    size_t length = strcspn(text, "/");
    int operation = find_operation(text, length);
    if (operation < 0) return -1;
    if (strcmp(text + length, "/f32") == 0) return 2 * operation;
    return strcmp(text + length, "/bf16") == 0 ? 2 * operation + 1 : -1;
}

static bool is_wanted(const options *o, int place)
{
    const char *dtype = dtype_at(place) == FT_BF16 ? "bf16" : "f32";
    bool wanted = o->n_operations == 0;
    for (int i = 0; i < o->n_operations; i++)
        wanted = wanted || strcmp(o->operations[i], ft_ops[place / 2].name) == 0;
    return wanted && (!o->dtype || strcmp(o->dtype, dtype) == 0);
}

/* An option with a value; false: no such option, or not such a value. */
static bool take(options *o, const char *option, const char *value)
{
    const struct {
        const char *name;
        int *number;
    } numbers[] = {{"--smallest", &o->smallest},
                   {"--repeat", &o->repeat},
                   {"--min-chunks", &o->min_chunks},
                   {"--max-chunks", &o->max_chunks}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(option, numbers[i].name) == 0) return (*numbers[i].number = atoi(value)) > 0;
    if (strcmp(option, "--dtype") == 0) {
        o->dtype = value;
        return strcmp(value, "f32") == 0 || strcmp(value, "bf16") == 0;
    }
    return strcmp(option, "--after") == 0 && (o->after = find_place(value)) >= 0;
}

static bool parse(int argc, char **argv, options *o)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--stop") == 0) {
            o->stop = true;
        } else if (strcmp(argv[i], "--orders") == 0) {
            o->orders = true;
        } else if (take(o, argv[i], value)) {
            i++;
        } else {
            fprintf(stderr, "run_ops: %s: no such option, or not with the value \"%s\"\n", argv[i], value);
            return false;
        }
    }
    o->operations = argv + i;
    o->n_operations = argc - i;
    for (; i < argc; i++)
        if (find_operation(argv[i], strlen(argv[i])) < 0) {
            fprintf(stderr, "run_ops: there is no operation %s\n", argv[i]);
            return false;
        }
    return true;
}

int main(int argc, char **argv)
{
    options o = {.after = -1};
    ft_backend *reference = NULL, *device = NULL;
    ft_error err = {""};
    outcome all = PASSED;
    if (!parse(argc, argv, &o)) {
        fputs(
            "usage: run_ops [--dtype f32|bf16] [--min-chunks N] [--max-chunks N] [--smallest N] [--repeat N] "
            "[--orders] [--stop] [--after OPERATION/DTYPE] [OPERATION]...\n",
            stderr);
        return 2;
    }
    if (ft_ref_create(FT_F64, &reference, &err) != FT_OK ||
        ft_cuda_create(0, FT_F32, &device, &err) != FT_OK) {
        fprintf(stderr, "run_ops: %s\n", err.message);
        return 2;
    }
    device->free(device);
    for (int place = o.after + 1; place < 2 * ft_ops_count && all != LOST && (all == PASSED || !o.stop);
         place++) {
        if (!is_wanted(&o, place)) continue;
        outcome one = run_operation(&o, &ft_ops[place / 2], dtype_at(place), reference);
        if (one > all) all = one;
    }
    reference->free(reference);
#ifdef FT_SIMULATED
    if (simt_fault()) {
        fprintf(stderr, "run_ops: %s\n", simt_fault());
        if (all == PASSED) all = FAILED;
    }
#endif
    return all == LOST ? 3 : all == FAILED ? 1 : 0;
}
