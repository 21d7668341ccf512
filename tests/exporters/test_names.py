"""What layers and sources are called goes into programs and archives, and does nothing there."""

import ast
import subprocess
import sys

import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.c.image import c_string
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.exporters.sanafe.layout import safe_names
from neurochain.network import Network, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.program import PortKind
from neurochain.programs import relay_program

AWKWARD = ('a*/ int pwned; /* "b', "d??/", 'c"""d\\', "{{ 7 }} $(touch x)", "ß 🙂")


def _job(source="in", projection="fc", population="out", title="two"):
    program = relay_program(PortKind.ANALOG)
    weights = np.array([[0.5, 0.0], [1.0, -2.0]], dtype=np.float32)
    network = Network(
        sources=(Source(name=source, shape=(2,)),),
        populations=(
            Population(name=population, shape=(2,), program=program, emits=program.emits),
        ),
        projections=(
            Projection(
                name=projection,
                source=source,
                target=population,
                port=program.ports[0],
                operator=Dense(in_shape=(2,), out_shape=(2,), weights=weights),
            ),
        ),
        outputs=(),
        dt_s=1e-3,
    )
    return Job(network=network, name=title)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_script_holds_names_as_names(tmp_path, name):
    export(_job(f"{name}0", f"{name}1", f"{name}2", title=name), "brian2", tmp_path / "out")
    plain = _job("s", "p", "q")
    export(plain, "brian2", tmp_path / "plain")
    kinds = [
        [type(node) for node in ast.walk(ast.parse((tmp_path / place / "run.py").read_text()))]
        for place in ("out", "plain")
    ]
    assert kinds[0] == kinds[1]  # the same program but for the strings
    with np.load(tmp_path / "out" / "weights.npz") as held:
        assert f"{name}1.w" in held


@pytest.mark.parametrize("name", AWKWARD)
def test_a_header_holds_names_as_names(tmp_path, name):
    export(_job(f"{name}0", f"{name}1", f"{name}2", title=name), "c", tmp_path / "out")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Ikernel", "-Iruntime"]
    done = subprocess.run(["cc", *flags, "network.c"], cwd=tmp_path / "out", capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "int pwned;" not in _without_comments(tmp_path / "out")


def _without_comments(folder):
    command = ["cc", "-std=c11", "-E", "-P", "-Ikernel", "-Iruntime", "network.h"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_c_strings():
    assert c_string('a"b\\c??/\n') == '"a\\042b\\134c\\077\\077/\\012"'
    assert c_string("é") == '"\\303\\251"'


def test_what_cannot_be_a_name_is_refused_at_once(tmp_path):
    job = _job("in\nimport os", "w" * 1001, "a\0b")
    with pytest.raises(UnsupportedError) as caught:
        export(job, "brian2", tmp_path / "out")
    said = [f.where for f in caught.value.findings]
    assert said == [r"'in\nimport os'", repr("w" * 100), r"'a\x00b'"]
    assert not list(tmp_path.iterdir())


def test_titles_are_one_line(tmp_path):
    export(_job(title='x"""\nimport os #\udcff'), "brian2", tmp_path / "out")
    first = (tmp_path / "out" / "run.py").read_text().splitlines()[0]
    assert first == "\"\"\"Written by neurochain: x'''_import os #_ in Brian2. One step is 0.001 s."


def test_names_that_savez_takes_for_options(tmp_path):
    arrays = {"file": np.arange(2), "allow_pickle": np.float32(3), "x": np.eye(2)}
    write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as held:
        assert {name: held[name].tolist() for name in held} == {
            "file": [0, 1], "allow_pickle": 3.0, "x": [[1, 0], [0, 1]],
        }  # fmt: skip
    write_npz(tmp_path / "b.npz", dict(reversed(arrays.items())))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    export(_job("file"), "brian2", tmp_path / "out")  # not by np.savez(place, file=...)
    with np.load(tmp_path / "out" / "input.npz") as held:
        assert held.files == ["file"]


def test_a_script_saves_what_is_called_file(tmp_path):
    export(_job(population="file"), "brian2", tmp_path / "out")
    tree = ast.parse((tmp_path / "out" / "run.py").read_text())
    (save,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "save"]
    text = ast.unparse(save) + "\nsave(sys.argv[1], {'file': np.arange(3)})"
    program = f"import sys, zipfile\nimport numpy as np\n{text}"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.npz")], check=True)
    with np.load(tmp_path / "x.npz") as held:
        assert held["file"].tolist() == [0, 1, 2]


def test_no_layer_is_called_like_a_group_of_sana_fe():
    """SANA-FE refuses two groups of one name; inputs and starts have one on every tile."""
    names = ("input", "input_tile0", "z", "start_z", "input.tile0", "_start_z")
    safe = list(safe_names(names).values())
    groups = [*safe, *(f"{n}_tile0" for n in safe), *(f"start_{n}_tile0" for n in safe)]
    assert len(set(groups)) == len(groups)
