/* A packed network: ports, programs, order of execution, and each projection. */
#include "nc_check.h"


/* ---- neuron programs ---- */

/* How many arguments an operation reads; 0: there is no such operation. */
static uint32_t arguments(int32_t op) {
    switch (op) {
    case NC_SELECT:
        return 3;
    case NC_COPY:
    case NC_FLOOR:
    case NC_ABS:
    case NC_NEG:
        return 1;
    default:
        return op >= NC_ADD && op <= NC_NE ? 2 : 0;
    }
}

static int compares(int32_t op) {
    return op == NC_GT || op == NC_GE || (op >= NC_LT && op <= NC_NE);
}

/* Instruction k: registers that exist, a result of its own that lives in the block. */
static int instruction(nc_checking *c, const nc_population *p, uint32_t k) {
    const nc_instruction *i = p->program.body + k;
    const uint32_t n = p->n_registers, reads = p->whole != 0 ? nc_integer_arguments(i->op) : arguments(i->op);
    if (!nc_need(c, reads != 0, NC_BAD_KIND, "program.body.op") ||
        !nc_need(c, i->out < n && i->a < n && i->b < n && i->c < n, NC_BAD_INDEX, "program.body"))
        return 0;
    int again = i->out == i->a || (reads > 1 && i->out == i->b) || (reads > 2 && i->out == i->c);
    for (uint32_t m = 0; m < k; m++) again |= p->program.body[m].out == i->out;
    return nc_need(c, !again && p->step[i->out] == 0, NC_BAD_PROGRAM, "program.body.out");
}

static int states(nc_checking *c, const nc_population *p) {
    const nc_program *g = &p->program;
    if (!NC_THERE(c, uint32_t, g->state, g->n_states, "program.state") ||
        !NC_THERE(c, uint32_t, g->next, g->n_states, "program.next"))
        return 0;
    for (uint32_t s = 0; s < g->n_states; s++)
        if (!nc_need(c, g->state[s] < p->n_registers, NC_BAD_INDEX, "program.state") ||
            !nc_need(c, g->next[s] < p->n_registers, NC_BAD_INDEX, "program.next") ||
            !nc_need(c, p->step[g->state[s]] == 1, NC_BAD_PROGRAM, "step"))
            return 0;
    int twice = 0, own = 0;
    for (uint32_t s = 0; s < g->n_states; s++) {
        for (uint32_t r = 0; r < g->n_states; r++) {
            twice |= r != s && g->state[r] == g->state[s];
            own |= g->next[r] == g->state[s];
        }
    }
    return nc_need(c, !twice, NC_BAD_PROGRAM, "program.state") &&
           nc_need(c, !own, NC_BAD_PROGRAM, "program.next");
}

static int ports(nc_checking *c, const nc_population *p) {
    if (!NC_THERE(c, uint32_t, p->port, p->n_ports, "port")) return 0;
    for (uint32_t k = 0; k < p->n_ports; k++)
        if (!nc_need(c, p->port[k] < p->n_registers, NC_BAD_INDEX, "port") ||
            !nc_need(c, p->step[p->port[k]] == 1, NC_BAD_PROGRAM, "step"))
            return 0;
    return 1;
}

static int emits_zeros_and_ones(const nc_program *g) {
    for (uint32_t k = 0; k < g->n_instructions; k++)
        if (g->body[k].out == g->emit) return compares(g->body[k].op);
    return 0;
}

static int program(nc_checking *c, const nc_population *p) {
    const nc_program *g = &p->program;
    if (!nc_need(c, g->n_states <= p->n_registers, NC_BAD_SIZE, "program.n_states") ||
        !nc_need(c, g->n_instructions <= p->n_registers, NC_BAD_SIZE, "program.n_instructions") ||
        !NC_THERE(c, uint8_t, p->step, p->n_registers, "step") ||
        !NC_THERE(c, nc_instruction, g->body, g->n_instructions, "program.body") || !ports(c, p) ||
        !states(c, p))
        return 0;
    for (uint32_t k = 0; k < p->n_registers; k++)
        if (!nc_need(c, p->step[k] <= 1, NC_BAD_PROGRAM, "step")) return 0;
    for (uint32_t k = 0; k < g->n_instructions; k++)
        if (!instruction(c, p, k)) return 0;
    return nc_need(c, g->emit < p->n_registers, NC_BAD_INDEX, "program.emit") &&
           nc_need(c, g->membrane < p->n_registers, NC_BAD_INDEX, "program.membrane") &&
           nc_need(c, g->winner < p->n_registers, NC_BAD_INDEX, "program.winner") &&
           nc_need(c, p->binary == 0 || emits_zeros_and_ones(g), NC_BAD_FLAG, "binary");
}

/* ---- hot programs ---- */

static int stills(nc_checking *c, const int32_t *still, size_t n, const char *field) {
    int outside = 0;
    if (!NC_THERE(c, int32_t, still, n, field)) return 0;
    for (size_t k = 0; k < n; k++) outside |= still[k] < 0 || still[k] > 0x800000;
    return nc_need(c, !outside, NC_BAD_SIZE, field);
}

static int hot(nc_checking *c, const nc_population *p) {
    const nc_hot *h = &p->hot;
    const size_t n = h->per_neuron != 0 ? nc_padded(p->n) : 1;
    const int known = h->form >= 0 && h->form < 2 * NC_HOT_EQUAL &&
                      (h->form & NC_HOT_RESET) <= NC_ZERO_DISCARD;
    const int current = known && (h->form & NC_HOT_CURRENT) != 0;
    if (!nc_need(c, known, NC_BAD_KIND, "hot.form") ||
        !nc_need(c, p->binary != 0 && p->n_ports == 1 && p->program.competes == 0, NC_BAD_FLAG,
                 "is_hot") ||
        !nc_need(c, p->program.n_states == (current ? 2u : 1u), NC_BAD_FLAG, "is_hot"))
        return 0;
    if (current && (!NC_THERE(c, float, h->alpha, n, "hot.alpha") ||
                    !stills(c, h->still_alpha, n, "hot.still_alpha")))
        return 0;
    if ((h->form & NC_HOT_LEAK) != 0 && !NC_THERE(c, float, h->leak, n, "hot.leak")) return 0;
    return NC_THERE(c, float, h->beta, n, "hot.beta") &&
           NC_THERE(c, float, h->theta, n, "hot.theta") &&
           stills(c, h->still_beta, n, "hot.still_beta");
}

/* ---- populations ---- */

static int by_targets(const nc_projection *edge) {
    return edge->kind == NC_DENSE || edge->kind == NC_CSR || edge->kind == NC_DIAGONAL ||
           edge->kind == NC_IDENTITY;
}

/* The promises of `summed`, `turned` and `many_steps`. */
static int together(nc_checking *c, const nc_network *network, const nc_population *p) {
    const int alone = p->is_hot != 0 && p->first[p->n_ports] - p->first[0] == 1;
    const nc_projection *edge = network->projection + p->first[0];
    const int packs = edge->shift != 0 && (edge->exact != 0 || edge->limit_f32 >= 1.0f);
    if (p->summed != 0 &&
        !nc_need(c, alone && edge->kind == NC_CSR && edge->no_zero != 0 &&
                        (edge->weight_type == NC_F32 || packs),
                 NC_BAD_FLAG, "summed"))
        return 0;
    if (p->many_steps != 0 &&
        !nc_need(c, alone && edge->kind == NC_CSR && edge->weight_type == NC_I8 &&
                        edge->csr_blocks == 1 && edge->no_zero != 0 && edge->limit_i32 >= 65536.0f &&
                        (edge->exact != 0 || edge->limit_f32 >= 1.0f),
                 NC_BAD_FLAG, "many_steps"))
        return 0;
    if (p->turned == 0) return 1;
    if (!nc_need(c, alone && edge->kind == NC_CONV, NC_BAD_FLAG, "turned")) return 0;
    const nc_window *g = edge->window;
    nc_population turned = *p;
    turned.hot = p->turned_hot;
    if (!nc_need(c, nc_times(g->groups, g->out_stride) == g->c_out, NC_BAD_FLAG, "turned") ||
        !NC_THERE(c, uint32_t, p->turned_place, p->n, "turned_place") ||
        !nc_need(c, p->turned_hot.form == p->hot.form, NC_BAD_PROGRAM, "turned_hot.form") ||
        !hot(c, &turned))
        return 0;
    int beyond = 0;
    for (size_t j = 0; j < p->n; j++) beyond |= p->turned_place[j] >= p->n;
    return nc_need(c, !beyond, NC_BAD_INDEX, "turned_place") &&
           (edge->bias == NULL ||
            NC_THERE(c, float, p->turned_bias, nc_padded(p->n), "turned_bias"));
}

/* The promises of `split`, `fused` and `relay`. */
static int ways(nc_checking *c, const nc_network *network, const nc_population *p) {
    const uint32_t first = p->first[0], end = p->first[p->n_ports];
    int shared = p->binary != 0 && p->program.competes == 0;
    for (uint32_t k = first; k < end; k++) shared &= by_targets(network->projection + k);
    int fused = (p->is_hot != 0 || p->is_lif != 0) && end - first == 1;
    if (fused) {
        const nc_projection *edge = network->projection + first;
        fused = edge->kind == NC_DENSE &&
                (edge->weight_type == NC_F32 ||
                 (edge->limit_i32 >= 1.0f && (edge->exact != 0 || edge->limit_f32 >= 1.0f)));
    }
    const size_t words = nc_padded(p->n) / 64;
    return nc_need(c, p->split == 0 || shared, NC_BAD_FLAG, "split") &&
           nc_need(c, p->fused == 0 || fused, NC_BAD_FLAG, "fused") &&
           nc_need(c, p->relay == 0 || (p->binary == 0 && p->n_ports == 1 && p->program.n_states == 0),
                   NC_BAD_FLAG, "relay") &&
           NC_MAY_BE(c, uint64_t, p->always_bits, words, "always_bits") &&
           NC_MAY_BE(c, uint64_t, p->biased_bits, words, "biased_bits");
}

/* Projections from *at on enter its ports; moves *at on. */
static int incoming(nc_checking *c, const nc_network *network, const nc_population *p,
                    uint32_t *at) {
    if (!NC_THERE(c, uint32_t, p->first, (size_t)p->n_ports + 1, "first")) return 0;
    int falls = p->first[0] != *at;
    for (uint32_t k = 0; k < p->n_ports; k++) falls |= p->first[k + 1] < p->first[k];
    *at = p->first[p->n_ports];
    return nc_need(c, !falls, NC_NOT_ASCENDING, "first") &&
           nc_need(c, *at <= network->n_projections, NC_BAD_INDEX, "first");
}

/* Before tables of n elements are read. */
static int sizes(nc_checking *c, const nc_network *network, const nc_population *p) {
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        if (network->projection[k].n_out == p->n) continue;
        c->where.part = "projection";
        c->where.index = k;
        return nc_need(c, 0, NC_BAD_SIZE, "n_out");
    }
    return 1;
}

static int population(nc_checking *c, const nc_network *network, const nc_population *p,
                      uint32_t *at) {
    return nc_need(c, p->n != 0 && p->n <= UINT32_MAX, NC_BAD_SIZE, "n") &&
           nc_need(c, p->n_ports <= p->n_registers, NC_BAD_SIZE, "n_ports") &&
           incoming(c, network, p, at) && sizes(c, network, p) && program(c, p) &&
           (p->is_hot == 0 || hot(c, p)) && nc_check_integer(c, p) &&
           NC_MAY_BE(c, uint8_t, p->always, p->n, "always") && ways(c, network, p);
}

static int projections_of(nc_checking *c, const nc_network *network, const nc_population *p) {
    c->where.part = "projection";
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = network->projection + k;
        c->where.index = k;
        const uint32_t source = edge->source, from = network->n_sources;
        if (!nc_need(c, source < from || source - from < network->n_populations, NC_BAD_INDEX,
                     "source") ||
            !nc_need(c, edge->n_in == (source < from ? network->source_n[source]
                                                     : network->population[source - from].n),
                     NC_BAD_SIZE, "n_in") ||
            !nc_check_projection(c, edge) || (p->whole != 0 && !nc_check_whole_projection(c, edge)))
            return 0;
    }
    return 1;
}

/* ---- units ---- */

static int units(nc_checking *c, const nc_network *network) {
    const uint32_t n = network->n_populations;
    if (!nc_need(c, network->n_units <= n, NC_BAD_SIZE, "n_units") ||
        !NC_THERE(c, uint32_t, network->unit, (size_t)network->n_units + 1, "unit") ||
        !NC_THERE(c, uint32_t, network->member, n, "member") ||
        !NC_THERE(c, uint8_t, network->loops, network->n_units, "loops") ||
        !nc_need(c, network->unit[0] == 0, NC_BAD_UNITS, "unit"))
        return 0;
    c->where.part = "unit";
    for (uint32_t u = 0; u < network->n_units; u++) {
        const uint32_t first = network->unit[u], end = network->unit[u + 1];
        c->where.index = u;
        if (!nc_need(c, first < end && end <= n, NC_BAD_UNITS, "unit") ||
            !nc_need(c, end - first == 1 || network->loops[u] != 0, NC_BAD_UNITS, "loops"))
            return 0;
    }
    int wrong = network->unit[network->n_units] != n;
    for (uint32_t k = 0; k < n && !wrong; k++) {
        wrong |= network->member[k] >= n;
        for (uint32_t m = 0; m < k; m++) wrong |= network->member[m] == network->member[k];
    }
    return nc_need(c, !wrong, NC_BAD_UNITS, "member");
}

/* Where a population's turn comes; its unit in *unit. */
static uint32_t turn_of(const nc_network *network, uint32_t population, uint32_t *unit) {
    uint32_t place = 0;
    while (network->member[place] != population) place++;
    *unit = 0;
    while (network->unit[*unit + 1] <= place) ++*unit;
    return place;
}

/* A population's emissions of this chunk are there after its unit, or within it from step to step. */
static int order(nc_checking *c, const nc_network *network, uint32_t index) {
    const nc_population *p = network->population + index;
    uint32_t unit, before;
    const uint32_t turn = turn_of(network, index, &unit);
    c->where.part = "projection";
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = network->projection + k;
        if (edge->source < network->n_sources) continue;
        c->where.index = k;
        const uint32_t place = turn_of(network, edge->source - network->n_sources, &before);
        const int there = before < unit || (before == unit && network->loops[unit] != 0 &&
                                            (edge->delay != 0 || place < turn));
        if (!nc_need(c, there, NC_BAD_ORDER, "source")) return 0;
    }
    return 1;
}

static int sources(nc_checking *c, const nc_network *network) {
    if (!NC_THERE(c, size_t, network->source_n, network->n_sources, "source_n")) return 0;
    for (uint32_t k = 0; k < network->n_sources; k++)
        if (!nc_need(c, network->source_n[k] != 0 && network->source_n[k] <= UINT32_MAX, NC_BAD_SIZE,
                     "source_n"))
            return 0;
    return 1;
}

static int parts(nc_checking *c, const nc_network *network) {
    uint32_t at = 0;
    if (!sources(c, network)) return 0;
    for (uint32_t k = 0; k < network->n_populations; k++) {
        c->where.part = "population";
        c->where.index = k;
        if (!population(c, network, network->population + k, &at)) return 0;
    }
    c->where = (nc_fault){"network", 0, NULL};
    if (!nc_need(c, at == network->n_projections, NC_BAD_SIZE, "n_projections") ||
        !units(c, network))
        return 0;
    for (uint32_t k = 0; k < network->n_populations; k++)
        if (!projections_of(c, network, network->population + k) || !order(c, network, k)) return 0;
    for (uint32_t k = 0; k < network->n_populations; k++) {
        c->where = (nc_fault){"population", k, NULL};
        if (!together(c, network, network->population + k)) return 0;
    }
    return 1;
}

nc_status nc_check_network(const nc_network *network, nc_fault *fault) {
    nc_checking c = {NC_OK, {"network", 0, NULL}};
    if (NC_THERE(&c, nc_network, network, 1, "network") &&
        nc_need(&c, network->n_populations <= UINT32_MAX - network->n_sources, NC_OVERFLOW,
                "n_populations") &&
        NC_THERE(&c, nc_population, network->population, network->n_populations, "population") &&
        NC_THERE(&c, nc_projection, network->projection, network->n_projections, "projection"))
        parts(&c, network);
    if (fault != NULL) *fault = c.where;
    return c.status;
}
