/* A worker that is several processes, one for each device, which train each adapter
 * batch together (engine->comm).
 *
 * The first process, the leader, forks the others, the followers, before it touches
 * its device, so they share its data and weights. The leader tells them what to train;
 * they train it with the leader and record nothing. A rank group ends as a whole:
 * followers exit when their leader does. When a follower dies the leader exits too
 * (dies_as_one), or else its next collective operation fails within a second. */
#ifndef FT_HOST_WORKERS_RANK_GROUP_H
#define FT_HOST_WORKERS_RANK_GROUP_H

#include "host/experiment/engine.h"
#include "host/workers/protocol.h"

typedef struct ft_rank_group ft_rank_group; /* the leader's view */

/* Connects a process with the others of its rank group: sets engine->comm.
 * timeout_seconds as in ft_comm_nccl. */
typedef ft_status ft_rank_group_connect(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                                        double timeout_seconds, ft_error *err);
ft_rank_group_connect ft_rank_group_connect_nccl;

typedef struct ft_rank_group_settings {
    /* (size), each as in --device, the leader's first; must outlive the rank group */
    const char *const *devices;
    int32_t size;
    /* when a follower exits the leader exits with status FT_RANK_GROUP_LOST */
    bool dies_as_one;
    int descriptor; /* of the leader; followers close it; -1: none */
    /* Runs in a follower, which exits when this returns: opens the device, calls
     * ft_rank_group_follow, and obeys the leader's messages until the socket closes. */
    void (*follow)(void *context, ft_channel *leader);
    void *context;
    ft_rank_group_connect *connect;
} ft_rank_group_settings;
enum { FT_RANK_GROUP_LOST = 71 };

/* Forks the followers. The engine has not opened a device yet; it gets the leader's. */
ft_status ft_rank_group_start(ft_engine *engine, const ft_rank_group_settings *settings,
                              ft_rank_group **group, ft_error *err);
/* Connects all, once the leader has opened its device. If a follower could not open
 * its own, fails with that follower's status and message. */
ft_status ft_rank_group_join(ft_rank_group *group, ft_error *err);
/* Sends a message to all followers; NULL does nothing. */
void ft_rank_group_tell(ft_rank_group *group, const cJSON *message);
/* Tells the followers to end, frees engine->comm, and waits for their exit. */
void ft_rank_group_end(ft_rank_group *group);

/* Called by a follower: reports to the leader whether its device opened, and connects.
 * After a failure the follower must exit. */
ft_status ft_rank_group_follow(ft_engine *engine, ft_channel *leader, ft_status opened, ft_error *err);

/* Checks that `gpus_per_experiment` GPUs can train one experiment, given n_gpus and
 * `workers` rank groups (0: as many as fit). 0 and 1 are always possible. FT_BAD_INPUT
 * says what is wrong. */
ft_status ft_rank_group_check(const ft_engine *engine, int64_t gpus_per_experiment, int32_t n_gpus,
                              int64_t workers, ft_error *err);

#endif
