/* The captured graphs of a training step, one for each shape.
 *
 * On a backend that can capture (backend.h), the work of a shape is queued normally the
 * first time, when the backend chooses algorithms and allocates scratch memory. It is
 * captured the second time and replayed from then on. Everything that differs between
 * steps of one shape must be in device memory. On other backends the work is queued
 * normally each time. */
#ifndef FT_MODEL_STEP_GRAPHS_H
#define FT_MODEL_STEP_GRAPHS_H

#include "kernels/backend.h"

/* The shape of a step; a graph is valid for one. */
typedef struct ft_step_shape {
    int32_t n_sequences, encoder_length, decoder_length;
} ft_step_shape;

/* The shapes seen last. Zeroed, it is empty. */
enum { FT_STEP_GRAPHS = 16 };
typedef struct ft_step_graphs {
    struct {
        ft_step_shape shape;
        void *graph;       /* NULL: queued plainly once */
        uint64_t last_use; /* 0: a free place */
    } entry[FT_STEP_GRAPHS];
    uint64_t uses;
} ft_step_graphs;

/* Runs the step: queues, captures or replays its work. `queue` queues it on the backend's
 * stream 0; its status is returned. The backend keeps failures of the device. */
ft_status ft_step_graphs_run(ft_step_graphs *graphs, ft_backend *backend, ft_step_shape shape,
                             ft_status (*queue)(void *context, ft_error *err), void *context, ft_error *err);
void ft_step_graphs_clear(ft_step_graphs *graphs, ft_backend *backend);

#endif
