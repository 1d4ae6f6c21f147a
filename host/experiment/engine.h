/* The inside of ft_engine: the device, and what all commands share. ftgpu.h declares
 * its public half. */
#ifndef FT_HOST_EXPERIMENT_ENGINE_H
#define FT_HOST_EXPERIMENT_ENGINE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "host/ftgpu.h"
#include "kernels/backend.h"
#include "kernels/comm.h"
#include "model/trainer.h"

struct ft_engine {
    /* no NULLs; texts are copies, or live as long as the call of this process */
    ft_engine_settings settings;
    char *texts[4];      /* the copies */
    pid_t process;       /* that opened the engine */
    atomic_bool is_busy; /* a public call is under way */
    ft_backend *backend; /* NULL until it is attached */
    /* the processes of an MPI launcher, in host memory; NULL: no launcher */
    ft_comm *launcher;
    /* the ranks that train each adapter batch together: the launcher's on CPUs, NCCL's
     * on GPUs; NULL: this process alone, or not attached yet */
    ft_comm *comm;
    /* connects a rank group (rank_group.h) */
    ft_status (*group_connect)(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                               double timeout_seconds, ft_error *err);
};

/* Each public call starts with _enter and, if that succeeded, ends with _leave.
 * FT_BAD_INPUT if `engine` is NULL, another process opened it, or another call is in
 * progress. */
ft_status ft_engine_enter(ft_engine *engine, ft_error *err);
void ft_engine_leave(ft_engine *engine);

/* Opens the device, once; before that the process may fork. Launched processes all
 * succeed or all fail. FT_BAD_INPUT in a child of a process that had opened a device. */
ft_status ft_engine_attach(ft_engine *engine, ft_error *err);

/* Whether this process records experiments and writes the journal: rank 0, or the only
 * process. */
static inline bool ft_engine_leads(const ft_engine *engine)
{
    const ft_comm *comm = engine->launcher ? engine->launcher : engine->comm;
    return !comm || comm->rank == 0;
}

/* Sends a formatted line to the progress callback. */
void ft_engine_say(const ft_engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends an event to the event callback; without one, the line of an epoch to the progress
 * callback. */
void ft_engine_tell(const ft_engine *engine, const ft_event *event);
/* Writes an EPOCH event as a line, cut to `size` bytes: "3/8  epoch 1/4  loss 2.1234 ..."
 * in a sweep, else "run  epoch 1/4 ...". */
void ft_event_to_line(const ft_event *event, char *line, size_t size);
/* Sends each of these lines (NULL: none) as a note. */
void ft_engine_say_notes(const ft_engine *engine, const char *lines);
ft_stop ft_engine_stop(const ft_engine *engine);

#endif
