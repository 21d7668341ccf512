"""Artifact: a compiled network with everything a run, a report or an export needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from neurochain.errors import Finding
from neurochain.graph import Graph
from neurochain.mapping import Placement
from neurochain.network import Network

if TYPE_CHECKING:
    from neurochain.quantize.loihi.layers import LoihiLayer

__all__ = ["Artifact"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """What `compile` returns.

    network     the executable network
    graph       the graph it came from (for NIR), None where there is none
    encoding    how inputs are made (plain data, `inputs.InputEncoding`), {} if unknown
    decoding    how outputs are read (plain data, `inputs.OutputDecoding`), {} if unknown
    provenance  plain data: neurochain's version, source kind and hash, options, verification
    findings    warnings and infos of the compilation
    placement   on the cores of the target, None without a target
    """

    network: Network
    graph: Graph | None = None
    encoding: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    placement: Placement | None = None

    def __post_init__(self) -> None:
        for name in ("encoding", "decoding", "provenance"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def loihi_layers(self) -> tuple[LoihiLayer, ...]:
        """Every layer of a network for Loihi: weight, weight_exp, du, dv, vth, bias (Lava's units).

        Errors: InputError where the artefact was not compiled for such a target.
        """
        from neurochain.quantize.loihi.layers import loihi_layers

        return loihi_layers(self.network)

    @property
    def verified(self) -> bool:
        """Whether the network was compared with the live module it came from, and was equal.

        Never with integer weights: the comparison is made before they are rounded.
        """
        return (
            self.network.arithmetic == "float32"
            and self.provenance.get("verification", {}).get("equal") is True
        )
