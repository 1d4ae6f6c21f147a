/* The captured graphs of a training step; see step_graphs.h. */
#include "model/step_graphs.h"

static bool same_shape(ft_step_shape a, ft_step_shape b)
{
    return a.n_sequences == b.n_sequences && a.encoder_length == b.encoder_length &&
           a.decoder_length == b.decoder_length;
}

/* The entry of a shape; a new one takes the place that was not used for longest. */
static int find(ft_step_graphs *graphs, ft_backend *backend, ft_step_shape shape)
{
    int oldest = 0;
    for (int i = 0; i < FT_STEP_GRAPHS; i++) {
        if (graphs->entry[i].last_use > 0 && same_shape(graphs->entry[i].shape, shape)) return i;
        if (graphs->entry[i].last_use < graphs->entry[oldest].last_use) oldest = i;
    }
    if (graphs->entry[oldest].graph) backend->graph_free(backend, graphs->entry[oldest].graph);
    graphs->entry[oldest].graph = NULL;
    graphs->entry[oldest].last_use = 0;
    graphs->entry[oldest].shape = shape;
    return oldest;
}

ft_status ft_step_graphs_run(ft_step_graphs *graphs, ft_backend *backend, ft_step_shape shape,
                             ft_status (*queue)(void *context, ft_error *err), void *context, ft_error *err)
{
    if (!backend->capture_begin) return queue(context, err);
    int i = find(graphs, backend, shape);
    bool seen = graphs->entry[i].last_use > 0;
    graphs->entry[i].last_use = ++graphs->uses;
    if (!seen) return queue(context, err);
    if (!graphs->entry[i].graph) {
        backend->capture_begin(backend);
        ft_status status = queue(context, err);
        void *graph = backend->capture_end(backend);
        if (status != FT_OK) {
            if (graph) backend->graph_free(backend, graph);
            return status;
        }
        /* NULL after a failure, which synchronize reports */
        graphs->entry[i].graph = graph;
    }
    if (graphs->entry[i].graph) backend->replay(backend, graphs->entry[i].graph);
    return FT_OK;
}

void ft_step_graphs_clear(ft_step_graphs *graphs, ft_backend *backend)
{
    for (int i = 0; i < FT_STEP_GRAPHS; i++)
        if (graphs->entry[i].graph) backend->graph_free(backend, graphs->entry[i].graph);
    *graphs = (ft_step_graphs){0};
}
