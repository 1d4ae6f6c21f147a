/* One operation being timed: its tensors, its clock, and the bytes and FLOPs of a
 * call; see ops.h.
 *
 * A case makes its tensors, states what a call computes, and calls the backend while
 * ft_bench_scene_again(). After a failure tensors are NULL and ft_bench_scene_again is
 * false. */
#ifndef FT_HOST_BENCH_SCENE_H
#define FT_HOST_BENCH_SCENE_H

#include "host/bench/clock.h"
#include "host/bench/ops.h"
#include "model/config.h"

enum { FT_BENCH_MAX_BLOCKS = 32 };

typedef struct ft_bench_scene {
    ft_backend *backend;
    const ft_bench_job *job;
    const ft_model_config *config; /* NULL: the case has no model */
    ft_bench_op op;
    void *blocks[FT_BENCH_MAX_BLOCKS];
    int n_blocks;
    ft_weight *weight;
    ft_bench_clock clock;
    ft_status status;
    ft_error error;
} ft_bench_scene;

/* A row of the table: the operation's name, its place in the model, and the function
 * that runs it. The shapes are a model's; the tests' table has odd ones (tests/ops). */
typedef struct ft_bench_case {
    const char *operation, *place;
    void (*run)(ft_bench_scene *scene, int variant);
    int variant;
} ft_bench_case;
extern const ft_bench_case ft_bench_cases[];
extern const int ft_bench_cases_count;

bool ft_bench_scene_again(ft_bench_scene *scene);

/* Runs a case on a new scene. op->failure says why it could not be timed. */
void ft_bench_run_case(ft_backend *backend, const ft_bench_job *job, const ft_model_config *config,
                       const char *size, const ft_bench_case *c, ft_bench_op *op, ft_bench_seconds *seconds);
/* Measures and reports the limits. Fails if the device is lost. */
ft_status ft_bench_measure_limits(ft_bench_device *device, const ft_bench_job *job, ft_bench_limits *limits,
                                  ft_bench_report *report, void *context, ft_error *err);

/* Device memory, freed with the scene. */
void *ft_bench_block(ft_bench_scene *scene, size_t bytes);
/* Tensors of random numbers. `traffic` says how a call's bytes count: once (read or
 * written), twice (read and written), or not. */
typedef enum ft_bench_traffic { FT_BENCH_NOT_COUNTED, FT_BENCH_ONCE, FT_BENCH_TWICE } ft_bench_traffic;
ft_tensor ft_bench_tensor(ft_bench_scene *scene, ft_bench_traffic traffic, ft_dtype dtype, int64_t rows,
                          int64_t cols);
/* A device array copied from `host`; counted once. */
void *ft_bench_array(ft_bench_scene *scene, const void *host, size_t bytes);
/* (count) integers spread over [0, below). */
int32_t *ft_bench_integers(ft_bench_scene *scene, int64_t count, int32_t below);
/* The scene's weight (out, in); a call reads one copy of it. */
ft_weight *ft_bench_scene_weight(ft_bench_scene *scene, int32_t out, int32_t in);
/* The job's sequences divided among n_adapters, with the model's dropout. */
ft_adapter_batch ft_bench_batch(ft_bench_scene *scene, int32_t n_adapters);

/* Sets the shape shown to the user: "4104 x 512". */
void ft_bench_shape(ft_bench_scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
