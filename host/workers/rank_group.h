/* A worker that is several processes, one a device, which train each adapter batch
 * together (engine->comm).
 *
 * The first of them, the leader, forks the others before it has touched its device, so
 * that they have the data and the weights as it has. They follow: they hear from the
 * leader what to train, train it with it, and record nothing. A rank group lives and
 * dies as one: followers end with their leader at once, and so does the leader with
 * any of them, where it is asked to; where it is not, what it waits for fails within a
 * second. */
#ifndef FT_HOST_WORKERS_RANK_GROUP_H
#define FT_HOST_WORKERS_RANK_GROUP_H

#include "host/experiment/engine.h"
#include "host/workers/protocol.h"

typedef struct ft_rank_group ft_rank_group; /* as its leader has it */

/* How a process of a rank group is connected with the others: sets engine->comm.
 * timeout_seconds as ft_comm_nccl. */
typedef ft_status ft_rank_group_connect(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                                        double timeout_seconds, ft_error *err);
ft_rank_group_connect ft_rank_group_connect_nccl;

typedef struct ft_rank_group_settings {
    /* (size) as --device, the leader's first; they outlive the rank group */
    const char *const *devices;
    int32_t size;
    /* the leader's process ends with status FT_RANK_GROUP_LOST when a follower's does */
    bool dies_as_one;
    int descriptor; /* of the leader, which followers must not keep open; -1: none */
    /* A follower's life, in its process, which ends when it returns: opens its device,
     * calls ft_rank_group_follow, and does what the leader's messages say until there
     * are no more. */
    void (*follow)(void *context, ft_channel *leader);
    void *context;
    ft_rank_group_connect *connect;
} ft_rank_group_settings;
enum { FT_RANK_GROUP_LOST = 71 };

/* Forks the followers; the engine has done nothing yet, and gets the leader's device. */
ft_status ft_rank_group_start(ft_engine *engine, const ft_rank_group_settings *settings,
                              ft_rank_group **group, ft_error *err);
/* When the leader has opened its device: connects all. Fails as the first follower did
 * that could not. */
ft_status ft_rank_group_join(ft_rank_group *group, ft_error *err);
/* A message to all followers; NULL is none. */
void ft_rank_group_tell(ft_rank_group *group, const cJSON *message);
/* Says that there is nothing more, frees engine->comm, waits for the followers' ends. */
void ft_rank_group_end(ft_rank_group *group);

/* A follower's: says whether its device was opened, and is connected. After a failure
 * it ends. */
ft_status ft_rank_group_follow(ft_engine *engine, ft_channel *leader, ft_status opened, ft_error *err);

/* Whether so many GPUs can train an experiment where there are n_gpus and `workers`
 * rank groups are wanted (0: as many as there can be). 0 and 1 always can.
 * FT_BAD_INPUT says what is wrong. */
ft_status ft_rank_group_check(const ft_engine *engine, int64_t gpus_per_experiment, int32_t n_gpus,
                              int64_t workers, ft_error *err);

#endif
