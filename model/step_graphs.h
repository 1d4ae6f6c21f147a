/* The captured graphs of a training step, one a shape.
 *
 * A backend that can capture (backend.h) gets each shape's work queued plainly the first
 * time, when it chooses its algorithms and makes its scratch memory, captured the second
 * time, and replayed from then on. Whatever differs between steps of one shape must be in
 * device memory. Where nothing can be captured, all is queued plainly each time. */
#ifndef FT_MODEL_STEP_GRAPHS_H
#define FT_MODEL_STEP_GRAPHS_H

#include "kernels/backend.h"

/* What a graph holds true for: the shape of its step. */
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

/* Has the step's work done: `queue` queues it on the backend's stream 0 and returns a
 * status, which is passed on; failures of the device are kept by the backend. */
ft_status ft_step_graphs_run(ft_step_graphs *graphs, ft_backend *backend, ft_step_shape shape,
                             ft_status (*queue)(void *context, ft_error *err), void *context, ft_error *err);
void ft_step_graphs_clear(ft_step_graphs *graphs, ft_backend *backend);

#endif
