"""lava-nc 0.10.0 loads and runs on this Python and numpy, whatever the application did before."""

import pytest
from graphs import GRAPH, run_script

RUN = """
if __name__ == "__main__":
    lif, sink = build()
    lif.run(condition=RunSteps(num_steps=8), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    spikes = sink.data.get()
    lif.stop()
    assert spikes.astype(int).tolist() == [[0] + [1] * 7, [0, 0, 1, 0, 1, 0, 1, 0]], spikes
"""


@pytest.mark.parametrize("method", [None, "spawn", "fork", "forkserver"])
def test_the_start_method_of_the_application_is_left_alone(method, tmp_path) -> None:
    before = f"multiprocessing.set_start_method({method!r})" if method else ""
    after = f"    assert multiprocessing.get_start_method(allow_none=True) == {method!r}\n"
    done = run_script(before + GRAPH + RUN + after, tmp_path, "-W", "error")
    assert done.returncode == 0, done.stderr


def test_no_handler_is_left_on_the_root_logger(tmp_path) -> None:
    check = "\n    import logging\n    assert not logging.getLogger().handlers\n"
    done = run_script(GRAPH + RUN + check, tmp_path)
    assert done.returncode == 0, done.stderr


def test_dataclasses_are_as_before(tmp_path) -> None:
    """The default that Python refuses is accepted only while Lava's own module is imported."""
    code = (
        GRAPH
        + """
import dataclasses
@dataclasses.dataclass
class Inner:
    x: int = 0
try:
    @dataclasses.dataclass
    class Outer:
        inner: Inner = Inner()
except ValueError as error:
    assert "mutable default" in str(error)
else:
    raise SystemExit("accepted")
"""
    )
    done = run_script(code, tmp_path)
    assert done.returncode == 0, done.stderr
