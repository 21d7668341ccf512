"""The same drills for `engine="lava"`: a user's script in an interpreter of its own."""

import signal
from pathlib import Path

import pytest
from graphs import nothing_left, run_script

HERE = Path(__file__).resolve().parent

SCRIPT = f"""
sys.path.insert(0, {str(HERE)!r})
import threading
import float_nets
from neurochain import simulate
from neurochain.errors import ExecutionError

def children():
    path = f"/proc/{{os.getpid()}}/task"
    found = [open(f"{{path}}/{{t}}/children").read().split() for t in os.listdir(path)]
    return [int(pid) for pids in found for pid in pids]

def drawn(steps):
    network = float_nets.network(np.random.default_rng(4))
    n = int(np.prod(network.sources[0].shape))
    return network, (np.random.default_rng(1).random((1, steps, n)) < 0.4).astype(np.float32)
"""


def drill(body: str, folder, **how):
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return run_script(f'{SCRIPT}\nif __name__ == "__main__":\n{indented}', folder, **how)


@pytest.mark.parametrize("method", [None, "spawn"])
def test_two_runs_in_one_process_whatever_the_start_method(method, tmp_path) -> None:
    chosen = f"multiprocessing.set_start_method({method!r})" if method else "pass"
    done = drill(
        f"""
{chosen}
network, x = drawn(12)
first, second = (simulate(network, x, engine="lava") for _ in range(2))
event = simulate(network, x)
for name, spikes in event.spikes.items():
    assert np.array_equal(spikes, first.spikes[name]), name
    assert np.array_equal(spikes, second.spikes[name]), name
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


def test_kill_9_of_a_layer(tmp_path) -> None:
    done = drill(
        """
network, x = drawn(200_000)
killed = []
def killer():
    while len(children()) < 6:
        time.sleep(0.05)
    time.sleep(1.0)
    killed.append(time.monotonic())
    os.kill(children()[-2], signal.SIGKILL)
threading.Thread(target=killer, daemon=True).start()
try:
    simulate(network, x, engine="lava")
except ExecutionError as error:
    assert time.monotonic() - killed[0] < 2.0
    assert "was killed (SIGKILL)" in str(error), error
else:
    raise SystemExit("no error")
assert not multiprocessing.active_children()
network, x = drawn(12)
simulate(network, x, engine="lava")
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


def test_ctrl_c(tmp_path) -> None:
    done = drill(
        """
network, x = drawn(200_000)
def tell():
    while len(children()) < 6:
        time.sleep(0.05)
    time.sleep(1.0)
    print("ready", flush=True)
threading.Thread(target=tell, daemon=True).start()
simulate(network, x, engine="lava")
""",
        tmp_path,
        send=signal.SIGINT,
    )
    assert done.returncode == -signal.SIGINT, done.err
    assert done.seconds < 2.0
    assert done.err.count("Traceback") == 1, done.err
    assert nothing_left(done)
