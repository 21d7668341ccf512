/* Integer populations: their programs, Loihi's LIF, projections and results. */
#include "nc_check.h"

uint32_t nc_integer_arguments(int32_t op) {
    switch (op) {
    case NC_SELECT:
    case NC_SCALE:
        return 3;
    case NC_COPY:
    case NC_ABS:
    case NC_NEG:
        return 1;
    case NC_DIV:
    case NC_FLOOR:
        return 0;
    case NC_SHIFT_LEFT:
    case NC_SHIFT_RIGHT:
    case NC_MOD:
        return 2;
    default:
        return op >= NC_ADD && op <= NC_NE ? 2 : 0;
    }
}

static int is_written(const nc_population *p, uint32_t reg) {
    for (uint32_t k = 0; k < p->program.n_instructions; k++)
        if (p->program.body[k].out == reg) return 1;
    return 0;
}

static int watches(nc_checking *c, const nc_population *p) {
    const nc_integer *g = &p->integer;
    if (!NC_THERE(c, uint32_t, g->watch, g->n_watches, "integer.watch") ||
        !NC_THERE(c, int32_t, g->most, g->n_watches, "integer.most"))
        return 0;
    for (uint32_t k = 0; k < g->n_watches; k++)
        if (!nc_need(c, g->watch[k] < p->n_registers, NC_BAD_INDEX, "integer.watch") ||
            !nc_need(c, g->most[k] >= 0, NC_BAD_SIZE, "integer.most"))
            return 0;
    return 1;
}

/* The driver writes the clock's block, so nothing else may. */
static int clock_stands_alone(nc_checking *c, const nc_population *p) {
    const uint32_t reg = p->integer.clock;
    if (p->integer.has_clock == 0) return 1;
    return nc_need(c, reg < p->n_registers, NC_BAD_INDEX, "integer.clock") &&
           nc_need(c, p->step[reg] == 0 && !is_written(p, reg), NC_BAD_PROGRAM, "integer.clock");
}

static int decays(nc_checking *c, const int32_t *keep, size_t n, const char *field) {
    int outside = 0;
    if (!NC_THERE(c, int32_t, keep, n, field)) return 0;
    for (size_t k = 0; k < n; k++) outside |= keep[k] < 0 || keep[k] > NC_FULL_DECAY;
    return nc_need(c, !outside, NC_BAD_SIZE, field);
}

static int lif(nc_checking *c, const nc_population *p) {
    const nc_lif *h = &p->lif;
    const size_t n = h->per_neuron != 0 ? nc_padded(p->n) : 1;
    return nc_need(c, p->binary != 0 && p->n_ports == 1 && p->program.n_states == 2 &&
                          p->integer.n_watches == 3,
                   NC_BAD_FLAG, "is_lif") &&
           decays(c, h->keep_u, n, "lif.keep_u") && decays(c, h->keep_v, n, "lif.keep_v") &&
           NC_THERE(c, int32_t, h->theta, n, "lif.theta") &&
           NC_THERE(c, int32_t, h->bias, n, "lif.bias");
}

int nc_check_integer(nc_checking *c, const nc_population *p) {
    if (p->whole == 0) return nc_need(c, p->is_lif == 0, NC_BAD_FLAG, "is_lif");
    return nc_need(c, p->is_hot == 0 && p->turned == 0 && p->many_steps == 0 && p->relay == 0 &&
                          p->program.competes == 0,
                   NC_BAD_FLAG, "whole") &&
           watches(c, p) && clock_stands_alone(c, p) && (p->is_lif == 0 || lif(c, p));
}

int nc_check_whole_projection(nc_checking *c, const nc_projection *edge) {
    const int linear = edge->kind == NC_IDENTITY || edge->kind == NC_ROUTE;
    const int weighted = edge->kind == NC_DENSE || edge->kind == NC_CSR ||
                         edge->kind == NC_DIAGONAL || edge->kind == NC_CONV;
    return nc_need(c, linear || (weighted && edge->weight_type != NC_F32 && edge->exact != 0),
                   NC_BAD_KIND, "kind") &&
           nc_need(c, edge->bias == NULL, NC_BAD_FLAG, "bias") &&
           nc_need(c, edge->lift >= 0 && edge->lift <= 15, NC_BAD_SIZE, "lift") &&
           nc_need(c, edge->exponent >= -31 && edge->exponent <= 31 - edge->lift, NC_BAD_SIZE,
                   "exponent");
}

int nc_check_integer_run(nc_checking *c, const nc_population *p, const nc_population_run *out,
                         size_t batch, size_t frames, uint32_t workers) {
    if (p->whole == 0) return 1;
    const size_t counted = nc_times(nc_times(workers, frames), p->integer.n_watches);
    return NC_THERE(c, int64_t, out->overflow, counted, "overflow") &&
           NC_MAY_BE(c, int32_t, out->clock, batch, "clock") &&
           nc_need(c, out->membrane == NULL || p->is_lif == 0 || out->membrane_state < 2,
                   NC_BAD_INDEX, "membrane_state");
}
