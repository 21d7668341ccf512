/* Threads that stay between runs.
 *
 * A run takes milliseconds; a thread that is started for it, or woken from sleep, may take as long to get a
 * processor (above all a virtual one). So helpers look out for the next run for a moment before they sleep.
 */
#define _POSIX_C_SOURCE 200809L
#include "nc_crew.h"

#include "nc_driver.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define NC_PAUSE() _mm_pause()
#else
#define NC_PAUSE() ((void)0)
#endif

enum { SPINS = 400, LOOKS = 256 }; /* some microseconds; turns between two looks at the clock */
static const double LINGER = 1e-3; /* seconds that a helper without work stays awake */

typedef struct {
    void (*work)(void *);
    void *argument; /* NULL: it has nothing to do */
    uint32_t *left;
    uint8_t apart[NC_LINE]; /* each looks at its own all the time */
} helper;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint32_t there; /* helpers that exist */
    helper helper[NC_MOST_THREADS];
} crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

double nc_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

void nc_pause(uint32_t turn) {
    if (turn < SPINS) NC_PAUSE();
    else sched_yield();
}

/* ---- helpers ---- */

static int has_work(const helper *h) {
    return __atomic_load_n(&h->argument, __ATOMIC_ACQUIRE) != NULL;
}

static void wait_for_work(const helper *h) {
    const double until = nc_now() + LINGER;
    for (uint32_t turn = 0; !has_work(h); turn++) {
        nc_pause(turn);
        if (turn % LOOKS != 0 || nc_now() < until) continue;
        pthread_mutex_lock(&crew.lock);
        while (!has_work(h)) pthread_cond_wait(&crew.work, &crew.lock);
        pthread_mutex_unlock(&crew.lock);
    }
}

static void *serve(void *argument) {
    helper *h = argument;
    for (;;) {
        wait_for_work(h);
        h->work(h->argument);
        pthread_mutex_lock(&crew.lock);
        __atomic_store_n(&h->argument, NULL, __ATOMIC_RELAXED);
        __atomic_sub_fetch(h->left, 1, __ATOMIC_RELEASE); /* the last that is seen of the caller's memory */
        pthread_cond_broadcast(&crew.done);
        pthread_mutex_unlock(&crew.lock);
    }
    return NULL;
}

/* Signals are for the threads that were there before. */
static int begin_thread(helper *h) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread, NULL, serve, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0) pthread_detach(thread);
    return failed == 0;
}

/* ---- forks: the child has none of the threads ---- */

static void before_fork(void) {
    pthread_mutex_lock(&crew.lock);
}
static void after_fork(void) {
    pthread_mutex_unlock(&crew.lock);
}
static void after_fork_in_child(void) {
    pthread_mutex_init(&crew.lock, NULL);
    pthread_cond_init(&crew.work, NULL);
    pthread_cond_init(&crew.done, NULL);
    for (uint32_t k = 0; k < crew.there; k++) crew.helper[k].argument = NULL;
    crew.there = 0;
}
static void heed_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- callers ---- */

/* Helpers that have nothing to do, or that may yet begin. */
static uint32_t free_ones(void) {
    uint32_t found = NC_MOST_THREADS - crew.there;
    for (uint32_t k = 0; k < crew.there; k++) found += !has_work(crew.helper + k);
    return found;
}

static uint32_t start(uint32_t count, void (*work)(void *), void *const *argument, uint32_t *left) {
    uint32_t started = 0;
    for (uint32_t k = 0; k < NC_MOST_THREADS && started < count; k++) {
        helper *h = crew.helper + k;
        if (k < crew.there && has_work(h)) continue;
        h->work = work;
        h->left = left;
        __atomic_store_n(&h->argument, argument[started], __ATOMIC_RELEASE);
        if (k == crew.there) {
            if (!begin_thread(h)) {
                h->argument = NULL;
                break;
            }
            crew.there++;
        }
        started++;
    }
    return started;
}

uint32_t nc_crew_start(uint32_t count, uint32_t least, void (*work)(void *), void *const *argument,
                       uint32_t *left) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *left = count;
    if (count == 0) return 0;
    pthread_once(&once, heed_forks);
    pthread_mutex_lock(&crew.lock);
    while (free_ones() < least) pthread_cond_wait(&crew.done, &crew.lock);
    const uint32_t started = start(count, work, argument, left);
    pthread_cond_broadcast(&crew.work);
    pthread_mutex_unlock(&crew.lock);
    __atomic_sub_fetch(left, count - started, __ATOMIC_RELEASE);
    return started;
}

static int is_left(const uint32_t *left) {
    return __atomic_load_n(left, __ATOMIC_ACQUIRE) != 0;
}

void nc_crew_wait(const uint32_t *left) {
    const double until = nc_now() + LINGER;
    for (uint32_t turn = 0; is_left(left); turn++) {
        nc_pause(turn);
        if (turn % LOOKS != 0 || nc_now() < until) continue;
        pthread_mutex_lock(&crew.lock);
        while (is_left(left)) pthread_cond_wait(&crew.done, &crew.lock);
        pthread_mutex_unlock(&crew.lock);
    }
}
