/* The hosted driver: who runs what, time limits, and which instructions the processor has. */
#include "nc_check.h"
#include "nc_crew.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

uint32_t nc_best_version(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const int common = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    if (common && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 2;
    if (common && __builtin_cpu_supports("avx2")) return 1;
#endif
    return 0;
}

uint32_t nc_plain_arithmetic(void) {
#if defined(__x86_64__)
    const uint32_t before = _mm_getcsr();
    _mm_setcsr(0x1F80);
    return before;
#else
    return 0;
#endif
}
void nc_give_back(uint32_t before) {
#if defined(__x86_64__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

/* The last to arrive starts a new round. Spinning at first: a step takes microseconds. */
static void wait_round(nc_team *team, uint32_t workers) {
    const uint32_t round = __atomic_load_n(&team->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == workers) {
        __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&team->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    for (uint32_t turn = 0; __atomic_load_n(&team->round, __ATOMIC_ACQUIRE) == round; turn++)
        nc_pause(turn);
}

/* The next sample that no team has begun, where the team is at none; 0 where all have been. */
static int take_sample(nc_run *run, nc_team *team) {
    if (team->at_step != 0) return 1;
    size_t next = __atomic_load_n(&run->next_sample, __ATOMIC_RELAXED);
    do {
        if (next >= run->batch) return 0;
    } while (!__atomic_compare_exchange_n(&run->next_sample, &next, next + 1, 0, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    team->at_sample = next;
    return 1;
}

enum { CLOSED, OPEN, LEAVE };

typedef struct {
    nc_worker worker;
    const int32_t *gate; /* nobody starts before all are there */
    double until;
    int64_t frames; /* finished, as the first worker counts them */
    nc_trouble trouble;
} task;

/* What the team's workers found, those of the tasks from its first worker's on. */
static void look_for_trouble(const task *first) {
    const nc_trouble *found = &first->trouble;
    nc_run *run = first->worker.run;
    for (uint32_t k = 1; k < run->workers; k++) {
        const nc_trouble *other = &first[k].trouble;
        if (other->status == NC_OK) continue;
        if (found->status == NC_OK || other->step < found->step) found = other;
    }
    if (found->status == NC_OK) return;
    first->worker.team->status = found->status;
    first->worker.team->at_projection = found->where;
    __atomic_store_n(&run->next_sample, run->batch, __ATOMIC_RELAXED); /* nobody begins another one */
}

/* What the first worker says after a chunk: where the team is, and whether it goes on. */
static void decide(task *mine, size_t step, size_t end) {
    const nc_worker *w = &mine->worker;
    nc_team *team = w->team;
    look_for_trouble(mine);
    if (team->status == NC_OK) mine->frames += (int64_t)(end - step);
    team->at_step = end == w->run->steps ? 0 : end;
    team->stop = team->status != NC_OK || nc_now() >= mine->until || !take_sample(w->run, team);
}

static void run_chunks(task *mine) {
    const nc_worker *w = &mine->worker;
    nc_team *team = w->team;
    const nc_run *run = w->run;
    int stop = team->stop;
    while (!stop) {
        const size_t sample = team->at_sample, step = team->at_step;
        if (step == 0) nc_begin_sample(w, sample);
        const size_t left = run->steps - step;
        const size_t end = step + (left < run->chunk ? left : run->chunk);
        nc_run_chunk(w, sample, step, end);
        if (w->me == 0) decide(mine, step, end);
        if (w->wait != NULL) w->wait(team, run->workers);
        stop = team->stop;
        /* no second wait: a chunk has one of its own before the first worker decides again */
    }
}

static void work(void *argument) {
    task *mine = argument;
    int32_t gate = CLOSED;
    for (uint32_t turn = 0; (gate = __atomic_load_n(mine->gate, __ATOMIC_ACQUIRE)) == CLOSED; turn++)
        nc_pause(turn);
    if (gate == LEAVE) return;
    const uint32_t before = nc_plain_arithmetic();
    run_chunks(mine);
    nc_give_back(before);
}

/* Of the teams that failed, what the one at the first sample says, when none is at one before. */
static nc_status outcome(const nc_run *run) {
    const nc_team *failed = NULL;
    for (uint32_t k = 0; k < run->teams; k++) {
        const nc_team *t = run->team + k;
        if (t->status != NC_OK && (failed == NULL || t->at_sample < failed->at_sample)) failed = t;
    }
    if (failed == NULL) return NC_OK;
    for (uint32_t k = 0; k < run->teams; k++) {
        const nc_team *t = run->team + k;
        if (t->status == NC_OK && t->at_step != 0 && t->at_sample < failed->at_sample) return NC_OK;
    }
    return failed->status;
}

nc_status nc_advance(const nc_network *network, nc_run *run, double seconds) {
    const nc_status call = nc_check_call(network, run, seconds);
    if (call != NC_OK) return call;
    if (run->version > nc_best_version()) return NC_BAD_RUN;
    const uint32_t threads = run->teams * run->workers;
    const nc_wide *wide = nc_wide_version(run->version);
    task tasks[NC_MOST_THREADS];
    void *others[NC_MOST_THREADS];
    const double until = nc_now() + seconds;
    int32_t gate = CLOSED;
    uint32_t left;
    for (uint32_t k = 0; k < threads; k++) {
        tasks[k] = (task){{network, run, run->team + k / run->workers, wide, k % run->workers,
                           run->workers > 1 ? wait_round : NULL, &tasks[k].trouble},
                          &gate, until, 0, {NC_OK, 0, 0}};
        if (k > 0) others[k - 1] = tasks + k;
    }
    const uint32_t least = run->workers == 1 ? 0 : threads - 1;
    const uint32_t started = 1 + nc_crew_start(threads - 1, least, work, others, &left);
    /* no more threads: a team that lacks a worker would wait for ever, and teams of one begin no sample */
    const int enough = started == threads || run->workers == 1;
    for (uint32_t k = 0; enough && k < run->teams; k++) {
        nc_team *team = run->team + k;
        const int goes_on = k < started || team->at_step != 0;
        team->arrived = 0;
        team->stop =
            run->steps == 0 || team->status != NC_OK || !goes_on || !take_sample(run, team);
    }
    __atomic_store_n(&gate, enough ? OPEN : LEAVE, __ATOMIC_RELEASE);
    if (enough) work(tasks);
    for (uint32_t k = started; enough && k < threads; k++) work(tasks + k);
    nc_crew_wait(&left);
    if (!enough) return NC_NO_THREAD;
    for (uint32_t k = 0; k < threads; k += run->workers) run->frames_done += tasks[k].frames;
    return outcome(run);
}
