"""The same networks in SynSense's XyloSim (PyPI `xylosim`), which has the last word.

    python xylosim_runs.py SPECS.npz TRACES.npz

With numpy and xylosim alone: SEED.FIELD of every Spec -> SEED.NAME of every trace.
"""

import sys
from types import SimpleNamespace

import numpy as np
from xylosim.v2 import XyloLayer, XyloSynapse

TRACES = ("spikes", "i", "v", "out_spikes", "out_i", "out_v")


def run_xylosim(spec):
    """Name -> (step, n) of every trace. The layer keeps no hold of its synapses: we have to."""
    kept = [_synapses(w) for w in (spec.w_in, spec.w_rec, spec.w_out)]
    dash_syn, dash_mem, vth, bias = spec.hidden.tolist()
    out_syn, out_mem, out_vth, out_bias = spec.out.tolist()
    layer = XyloLayer(
        synapses_in=kept[0],
        synapses_rec=kept[1],
        synapses_out=kept[2],
        aliases=[[] for _ in vth],
        threshold=vth,
        threshold_out=out_vth,
        has_bias=True,
        bias=bias,
        bias_out=out_bias,
        weight_shift_inp=int(spec.shifts[0]),
        weight_shift_rec=int(spec.shifts[1]),
        weight_shift_out=int(spec.shifts[2]),
        dash_mem=dash_mem,
        dash_mem_out=out_mem,
        dash_syns=[[d, d] for d in dash_syn],
        dash_syns_out=[[d] for d in out_syn],
        name="judge",
    )
    layer.reset_all()
    layer.evolve(spec.events.tolist())
    found = (
        np.array(layer.rec_recurrent_spikes),
        np.array(layer.rec_i_syn).T,
        np.array(layer.rec_v_mem).T,
        np.array(layer.rec_out_spikes),
        np.array(layer.rec_i_syn_out).T,
        np.array(layer.rec_v_mem_out).T,
    )
    return dict(zip(TRACES, found, strict=True))


def _synapses(weights):
    return [[XyloSynapse(int(j), 0, int(row[j])) for j in np.flatnonzero(row)] for row in weights]


def main(given, target):
    specs = {}
    with np.load(given) as held:
        for key in held.files:
            seed, _, name = key.partition(".")
            specs.setdefault(seed, {})[name] = held[key]
    found = {}
    for seed, fields in specs.items():
        traces = run_xylosim(SimpleNamespace(**fields))
        found |= {f"{seed}.{name}": values for name, values in traces.items()}
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
