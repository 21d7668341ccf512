"""The set-up stops before it downloads CUDA packages: decided on canned reports of pip."""

from typing import Any

import pytest

ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_release": "6",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.11.7",
    "platform_python_implementation": "CPython",
    "python_version": "3.11",
    "sys_platform": "linux",
}
CUDA_NEEDS = [
    "filelock",
    'nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"',
    'triton~=3.8.0; platform_system == "Linux" and python_version < "3.15"',
]


def report(
    version: str, requires: list[str], name: str = "torch", **environment: str
) -> dict[str, Any]:
    """A pip report with one package."""
    item = {"metadata": {"name": name, "version": version, "requires_dist": requires}}
    return {"version": "1", "install": [item], "environment": {**ENVIRONMENT, **environment}}


@pytest.mark.parametrize(
    "canned",
    [
        pytest.param(report("2.13.0+cpu", ["filelock", "sympy>=1.13.3"]), id="cpu-build"),
        pytest.param(report("2.13.0", ["filelock"]), id="arm-build-without-cuda"),
        pytest.param(
            report("2.13.0", CUDA_NEEDS, platform_system="Darwin"), id="markers-do-not-apply"
        ),
        pytest.param(
            report("2.13.0", ['nvidia-extra; extra == "gpu"']), id="only-in-an-extra-not-asked-for"
        ),
        pytest.param({"install": [], "environment": ENVIRONMENT}, id="already-installed"),
    ],
)
def test_cpu_builds_pass(canned: dict[str, Any]) -> None:
    from torch_preflight import accelerator_reasons

    assert accelerator_reasons(canned) == []


@pytest.mark.parametrize(
    ("canned", "reason"),
    [
        (report("2.13.0", CUDA_NEEDS), "torch 2.13.0 requires nvidia-cudnn-cu13"),
        (report("2.13.0", ["cuda-toolkit[cublas]==13.0.3"]), "torch 2.13.0 requires cuda-toolkit"),
        (report("2.13.0", ["triton"]), "torch 2.13.0 requires triton"),
        (report("2.13.0+cu130", []), "torch 2.13.0+cu130 is not a CPU build"),
        (report("2.13.0+rocm7.1", []), "torch 2.13.0+rocm7.1 is not a CPU build"),
        (report("9.1", [], name="nvidia-cublas"), "nvidia-cublas 9.1 would be installed"),
    ],
)
def test_accelerator_builds_are_named(canned: dict[str, Any], reason: str) -> None:
    from torch_preflight import accelerator_reasons

    assert reason in accelerator_reasons(canned)


@pytest.mark.parametrize(
    ("line", "stops"),
    [
        ("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (532.2 MB)\n", True),
        ("Downloading some-index/torch-2.13.0-cp311-cp311-linux_x86_64.whl (1.1 GB)\n", True),
        ("  Downloading torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl (191.8 MB)\n", False),
        ("  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl.metadata (30 kB)\n", False),
        ("Collecting torch==2.13.0\n", False),
    ],
)
def test_a_big_download_is_noticed_when_announced(line: str, stops: bool) -> None:
    from torch_preflight import oversized

    assert (oversized(line) is not None) is stops


def test_reading_ends_at_the_announcement() -> None:
    from torch_preflight import watch

    lines = iter(["Collecting torch\n", "Downloading torch-2-x.whl (900 MB)\n", "never read\n"])
    reason, seen = watch(lines)
    assert reason == "torch-2-x.whl has 900 MB"
    assert len(seen) == 2
    assert next(lines) == "never read\n"


def test_a_refused_write_counts_as_oversized() -> None:
    """Where pip announces no size, the limit on written files ends the download."""
    from torch_preflight import watch

    reason, _ = watch(["ERROR: Could not install: [Errno 27] File too large\n"])
    assert reason is not None
    assert "300 MB" in reason


def test_the_advice_names_both_variables() -> None:
    from torch_preflight import ADVICE

    text = ADVICE.format(reason="torch 2.13.0 requires triton", goal="demo")
    assert "make demo TORCH_INDEX=" in text
    assert "make demo ALLOW_CUDA=1" in text
    assert "https://pytorch.org/get-started/locally/" in text
