"""Which drawn relays are what they say."""

from neurochain.network import PortKind


def means_what_it_says(network, population):
    """The generator also draws relays of "events" that are none; compilers do not."""
    if not population.is_relay or population.emits is PortKind.ANALOG:
        return True
    incoming = network.incoming(population.name)
    return len(incoming) == 1 and all(
        p.bias is None and p.operator.weight is None and not getattr(p.operator, "average", False)
        for p in incoming
    )
