/* Workers that only say what workers say, in a time of their own: the coordinator's
 * end of a sweep of any size without a device.
 *
 * What a worker takes for an epoch of a trajectory is the epoch's part of what the
 * planner expects, times a factor that differs from trajectory to trajectory; a device
 * is as busy with many adapters as with few, so that the epochs of the adapters in its
 * slots add up. Workers die at random: what they did since their last epoch is lost,
 * and the time to start again. Messages go through the channels of protocol.h, so that
 * their whole cost is seen. */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include "base/heap.h"
#include "host/sweep/run.h"
#include "host/workers/protocol.h"
#include "host/workers/worker_pool.h"

typedef struct sim_settings {
    int32_t n_workers;
    double deaths_per_hour; /* of one worker */
    /* standard deviation of the logarithm of a trajectory's factor */
    double spread;
    double heartbeat_seconds; /* seconds */
    uint64_t seed;
    bool makes_files; /* each result has its directory with results.json */
} sim_settings;

/* What a worker is at. */
typedef enum sim_phase {
    SIM_ABSENT,    /* never started, or dead */
    SIM_STARTING,  /* opens its device */
    SIM_IDLE,      /* waits for a batch */
    SIM_TRAINING,  /* until the end of its round: an epoch of all in its slots */
    SIM_JUDGED,    /* waits for what is pruned */
    SIM_BEGINNING, /* waits until it may record a configuration */
    SIM_FINISHING  /* waits until the record is journalled */
} sim_phase;

typedef struct sim_trajectory {
    size_t number;
    size_t first, count; /* its members, of sim_worker.members */
    bool is_ended;       /* pruned, or trained to its end */
} sim_trajectory;

typedef struct sim_worker {
    ft_channel near, far; /* the coordinator's end; the worker's */
    sim_phase phase;
    bool has_spoken; /* is on the pool's list */
    /* counts deaths: what was planned for an earlier life does not happen */
    size_t life;
    double next_death, next_heartbeat, round_start, round_end;

    /* The batch: trajectories in their order; members are configurations. */
    sim_trajectory *trajectories; /* (n_trajectories) */
    size_t n_trajectories, next;  /* the first that had no slot yet */
    size_t *members;              /* (n_members) */
    bool *is_recorded;            /* (n_members) */
    size_t n_members;
    /* (n_slots) trajectories that are being trained, of the first n_active */
    size_t *slots;
    size_t n_slots, n_active;
    size_t at_slot, at_member; /* what is being recorded */
    bool judge, is_given_up, stops;
    char experiment_id[96];
} sim_worker;

typedef struct sim_pool {
    const sim_settings *settings;
    const ft_sweep *sweep;
    sim_worker *workers; /* (n_workers) */
    double now;          /* seconds */
    /* what happens when: of worker w in its life l, w + n_workers l */
    ft_heap events;
    /* (n_spoke) workers that said something, or are gone, since the last wait */
    int32_t *spoke;
    int32_t n_spoke;
    int32_t *epochs;   /* (n_trajectories) that are in a checkpoint */
    int32_t *batch_of; /* (n_trajectories) whose checkpoint that is, from 1 */
    size_t n_trajectories;

    /* For the report. */
    size_t n_deaths, n_messages;
    double useful_seconds;  /* device time of epochs that were trained and kept */
    double longest_seconds; /* of a trajectory */
    double lost_seconds;    /* device time of epochs that deaths have made void */
    double last_result;     /* when */
    double file_cpu_seconds;
} sim_pool;

/* pool->context is `sim`. The sweep is one that ft_sweep_open opened. */
ft_status sim_pool_open(sim_pool *sim, const sim_settings *settings, const ft_sweep *sweep,
                        ft_worker_pool *pool, ft_error *err);
void sim_pool_close(sim_pool *sim);

#endif
