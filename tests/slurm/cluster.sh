# A Slurm of one node, this machine, as services of a test: munged, slurmctld and slurmd
# with a configuration, ports and files of their own in ./cluster, beside any that the
# machine may have. Sourced; start_cluster starts it and end_cluster ends it, which
# happens of itself if the test is killed.

# Ends the test as skipped where Slurm is missing, or cannot run.
need_slurm() {
    for program in munged mungekey slurmctld slurmd sbatch scontrol squeue; do
        PATH=$PATH:/usr/sbin command -v $program >/dev/null || { echo "skipped: no $program (Debian: slurm-wlm munge)"; exit 77; }
    done
    [ "$(id -u)" = 0 ] || { echo "skipped: slurmd has to be started by root"; exit 77; }
    PATH=$PATH:/usr/sbin
}

# free_port FROM: the first port from there on at which nobody listens.
free_port() {
    port=$1
    while grep -qi ": [0-9A-F]*:$(printf %04X "$port") [0-9A-F]*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
        port=$((port + 1))
    done
    echo "$port"
}

start_controller() {
    slurmctld -D "$@" >>cluster/slurmctld.out 2>&1 &
    controller=$!
}

# answers COMMAND...: until it succeeds, at most 30 s.
answers() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "no answer: $*"; tail -n 20 cluster/*.log cluster/*.out; exit 1; }
        sleep 0.1
    done
}

start_cluster() {
    mkdir -m 0755 cluster cluster/state cluster/spool
    chmod 0755 .
    here=$(pwd)/cluster
    port=$(free_port $((20000 + $$ % 20000)))
    node_port=$(free_port $((port + 1)))
    host=$(hostname -s)
    cat >cluster/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$node_port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$here/munge.socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,default_queue_depth=100,bf_interval=2
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=3600
ReturnToService=2
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 Port=$node_port CPUs=4 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=60 State=UP
CONF
    : >cluster/cgroup.conf
    SLURM_CONF=$here/slurm.conf
    guard_cluster
    export SLURM_CONF
    mungekey --create --keyfile="$here/munge.key"
    munged --foreground --force --key-file="$here/munge.key" --socket="$here/munge.socket" --pid-file="$here/munged.pid" \
        --log-file="$here/munged.log" --seed-file="$here/munge.seed" >cluster/munged.out 2>&1 &
    answers munge --no-input --socket="$here/munge.socket"
    start_controller -c
    answers scontrol ping
    slurmd -D >cluster/slurmd.out 2>&1 &
    answers sh -c 'sinfo --noheader --format=%t | grep -Eq "idle|mix"'
}

# The processes of the cluster and of its jobs: all that have its configuration in their
# environment.
cluster_processes() {
    grep -lzsxF "SLURM_CONF=$here/slurm.conf" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

# Ends all of them, by force what is left after five seconds.
end_cluster() {
    [ -n "$here" ] || return 0
    for signal in TERM KILL; do
        tries=50
        while [ "$tries" -gt 0 ] && processes=$(cluster_processes) && [ -n "$processes" ]; do
            [ "$tries" -lt 50 ] || kill -s $signal $processes 2>/dev/null || true
            tries=$((tries - 1))
            sleep 0.1
        done
    done
}

# A process that nobody waits for ends the cluster if the test is killed.
guard_cluster() {
    (
        trap '' TERM INT HUP
        setsid sh -c '. "$1"; here=$2; while kill -0 "$3" 2>/dev/null; do sleep 0.5; done; end_cluster' guard \
            "$E2E/../slurm/cluster.sh" "$here" "$$" </dev/null >/dev/null 2>&1 &
    )
}
