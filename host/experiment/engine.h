/* The inside of an ft_engine: the device and what commands share. The public half is
 * ftgpu.h. */
#ifndef FT_HOST_EXPERIMENT_ENGINE_H
#define FT_HOST_EXPERIMENT_ENGINE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "host/ftgpu.h"
#include "kernels/backend.h"
#include "kernels/comm.h"
#include "model/trainer.h"

struct ft_engine {
    /* NULLs resolved; texts are copies, or of this process's calls */
    ft_engine_settings settings;
    char *texts[4];      /* the copies */
    pid_t process;       /* that opened it */
    atomic_bool is_busy; /* a public call is under way */
    ft_backend *backend; /* NULL until it is attached */
    /* the processes of an MPI launcher, in host memory; NULL: this one is alone */
    ft_comm *launcher;
    ft_comm *comm; /* the devices that train each adapter batch together: the launcher's on CPUs, else of
                          its own; NULL: this one alone, or not attached */
    ft_status (*group_connect)(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                               /* of a rank group (rank_group.h) */
                               double timeout_seconds, ft_error *err);
};

/* Each public call begins and, where that succeeded, ends with one of these.
 * FT_BAD_INPUT: there is no engine, another process opened it, or another call is
 * under way. */
ft_status ft_engine_enter(ft_engine *engine, ft_error *err);
void ft_engine_leave(ft_engine *engine);

/* Opens the device, if that was not done before. Until then the process may fork. Of
 * launched processes all succeed or fail. FT_BAD_INPUT in a child of a process that
 * had opened a device. */
ft_status ft_engine_attach(ft_engine *engine, ft_error *err);

/* Whether this process records experiments and keeps the journal, as it does when it
 * is alone. */
static inline bool ft_engine_leads(const ft_engine *engine)
{
    const ft_comm *comm = engine->launcher ? engine->launcher : engine->comm;
    return !comm || comm->rank == 0;
}

/* A formatted line to the progress callback. */
void ft_engine_say(const ft_engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says each of some lines, which may be NULL, as a note. */
void ft_engine_say_notes(const ft_engine *engine, const char *lines);
ft_stop ft_engine_stop(const ft_engine *engine);

#endif
