# Every target sets up what it needs, in a virtual environment; a second run starts at once.
#
#   VENV=.venv           where the virtual environment lies
#   PYTHON=python3       the Python (3.11 or newer) it is made with
#   TORCH_INDEX=URL      the package index torch is taken from, e.g. the one of the CPU builds
#   ALLOW_CUDA=1         install a CUDA build of torch where that is what the index offers
#   EXTRAS=torch,dev,mapping   the extras that tests and checks run with
#   INTEROP=...          other programs the tests compare with, without their dependencies; empty: none
#   LAVA=lava-nc==...    the Lava runtime for --engine lava and its tests; empty: none
#   PYTEST_ARGS=...      more arguments for pytest
#   SCALE_FOLDER=DIR     of `make scale`: where its files lie while it runs; by default the system's
#   N=1000 SEED=1        of `make battery` and `make lava-equal`: how many networks, from which seed
#   CROSS=...            of `make cross`: which processors; empty: all
#   NETWORKS=30          of `make cross`: how many networks are drawn at random
#   WRITE=1              of `make callgrind`: write the limits instead of comparing with them;
#                        of `make judges`: write docs/judges.md

VENV        ?= .venv
PYTHON      ?= python3
TORCH_INDEX ?=
ALLOW_CUDA  ?=
EXTRAS      ?= torch,dev,mapping
INTEROP     ?= norse sinabs spikingjelly
LAVA        ?= lava-nc==0.10.0
JOBS        ?= 2
PYTEST_ARGS ?=
N           ?= 1000
SEED        ?= 1
CROSS       ?=
NETWORKS    ?= 30
WRITE       ?=
SCALE_FOLDER ?=

BIN    := $(VENV)/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip --disable-pip-version-check
QUIET  := --quiet --quiet
STAMPS := $(VENV)/.stamps
GOAL   := $(or $(firstword $(MAKECMDGOALS)),setup)
comma  := ,
KERNEL := setup.py $(wildcard simulators/csrc/*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup lava demo test lint type sanitize coverage cross callgrind browser fuzz judges battery lava-equal bench scale mapping mapping-scale docs build clean

help:
	@echo "make setup lava demo test lint type sanitize coverage cross callgrind browser fuzz judges battery lava-equal bench scale mapping mapping-scale docs build clean"
	@echo "(the head of the Makefile lists the variables; CONTRIBUTING.md says what each target does)"

# --- set-up -------------------------------------------------------------------------------------

$(STAMPS)/venv: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "neurochain needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	@echo "set-up: virtual environment in $(VENV)"
	@$(PY) -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || \
	    { echo "no virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(PIP) install $(QUIET) --constraint constraints.txt --upgrade pip
	@$(PIP) install $(QUIET) --constraint constraints.txt setuptools cffi
	@mkdir -p $(STAMPS) && touch $@

# torch first and by itself, so that a CUDA build is noticed before anything is downloaded.
$(STAMPS)/torch: $(STAMPS)/venv
	@echo "set-up: torch"
	@test -n "$(ALLOW_CUDA)" || $(PY) tools/torch_preflight.py --goal $(GOAL) \
	    $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) --constraint constraints.txt torch
	@$(PIP) install --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
	    --constraint constraints.txt torch
	@touch $@

# What the product needs to run, and (dev) what its tests and checks need beside that.
define install
	@echo "set-up: neurochain with the C kernel, extras: $(1)"
	@$(PIP) install $(QUIET) --no-build-isolation --constraint constraints.txt --editable '.[$(1)]'
	@ls simulators/_kernel*.so > /dev/null 2>&1 || \
	    echo "set-up: no C kernel was built, so there is no event engine (is a C compiler there?)" >&2
endef

$(STAMPS)/run: $(STAMPS)/torch pyproject.toml $(KERNEL)
	$(call install,torch)
	@touch $@

$(STAMPS)/dev: $(STAMPS)/torch pyproject.toml $(KERNEL)
	$(call install,$(EXTRAS)$(if $(INTEROP),$(comma)interop))
	@touch $(STAMPS)/run $@

# What they declare would bring torchvision, an old nir and gigabytes of CUDA; what they need is in
# the extra `interop`. Where one cannot be installed, its tests skip and say so.
$(STAMPS)/interop: $(STAMPS)/dev constraints.txt
	@$(if $(INTEROP),echo "set-up: for the tests: $(INTEROP)")
	@$(if $(INTEROP),$(PIP) install $(QUIET) --no-deps --no-build-isolation \
	    --constraint constraints.txt $(INTEROP))
	@touch $@

# It declares Python 3.10 and old versions of numpy and networkx; the adapter makes it run on these.
$(STAMPS)/lava: $(STAMPS)/dev constraints.txt
	@$(if $(LAVA),echo "set-up: the Lava runtime ($(LAVA))")
	@$(if $(LAVA),$(PIP) install $(QUIET) --constraint constraints.txt asteval networkx scipy)
	@$(if $(LAVA),$(PIP) install $(QUIET) --no-deps --ignore-requires-python $(LAVA))
	@touch $@

setup: $(STAMPS)/dev $(STAMPS)/interop $(STAMPS)/lava

lava: $(STAMPS)/lava

# --- the product --------------------------------------------------------------------------------

demo: $(STAMPS)/run
	@PATH="$(abspath $(BIN)):$$PATH" $(PY) examples/demo.py

bench: $(STAMPS)/run
	@$(PY) benchmarks/engines.py

# Three networks of 10^9 synapses, one after the other: minutes, 4 GiB of memory, 10 GB in SCALE_FOLDER.
scale: $(STAMPS)/run
	@$(PY) benchmarks/scale.py $(if $(SCALE_FOLDER),--folder $(SCALE_FOLDER))

# Hop energy of ten networks against sequential fill and random placement; ends with 1 where a goal is missed.
mapping: $(STAMPS)/run
	@$(PY) benchmarks/mapping.py

mapping-scale: $(STAMPS)/run
	@$(PY) benchmarks/mapping_scale.py

# --- tests and checks ---------------------------------------------------------------------------

test: $(STAMPS)/dev $(STAMPS)/interop $(STAMPS)/lava
	$(BIN)/pytest -n $(JOBS) $(PYTEST_ARGS)

fuzz: $(STAMPS)/dev $(STAMPS)/interop $(STAMPS)/lava
	HYPOTHESIS_PROFILE=deep $(BIN)/pytest -n $(JOBS) -m hypothesis --timeout 3600 $(PYTEST_ARGS)

# ONNX Runtime, with which `make judges` must be able to compare; `make test` skips without it.
$(STAMPS)/ort: $(STAMPS)/dev constraints.txt
	@echo "set-up: for the judges: onnx onnxruntime"
	@$(PIP) install $(QUIET) --constraint constraints.txt 'onnx>=1.21' 'onnxruntime>=1.20'
	@touch $@

# Brian2 in an environment of its own: its needs are not ours. 2.9, the last for Python 3.11, takes
# numpy 2 and does not run with it.
$(STAMPS)/brian2: $(STAMPS)/venv
	@echo "set-up: for the judges: brian2"
	@$(PYTHON) -m venv $(VENV)/brian2
	@$(VENV)/brian2/bin/python -m pip install $(QUIET) 'brian2>=2.7' \
	    'numpy<2; python_version < "3.12"'
	@touch $@

# XyloSim likewise.
$(STAMPS)/xylosim: $(STAMPS)/venv
	@echo "set-up: for the judges: xylosim"
	@$(PYTHON) -m venv $(VENV)/xylosim
	@$(VENV)/xylosim/bin/python -m pip install $(QUIET) numpy xylosim==0.1.3
	@touch $@

# SANA-FE likewise; it is under the GPL, and only ever run as a program of its own.
$(STAMPS)/sanafe: $(STAMPS)/venv
	@echo "set-up: for the judges: sanafe"
	@$(PYTHON) -m venv $(VENV)/sanafe
	@$(VENV)/sanafe/bin/python -m pip install $(QUIET) sanafe==2.2.9
	@touch $@

# lava-dl beside what is installed here: it needs torch and the Lava runtime, and is large.
$(STAMPS)/lava-dl: $(STAMPS)/lava
	@echo "set-up: for the judges: lava-dl"
	@$(PYTHON) -m venv $(VENV)/lava-dl
	@$(PY) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > \
	    $$($(VENV)/lava-dl/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth
	@$(VENV)/lava-dl/bin/python -m pip install $(QUIET) --no-deps --ignore-requires-python lava-dl==0.6.0
	@touch $@

# PyNN with NEST, whose needs are not ours either.
$(STAMPS)/pynn: $(STAMPS)/venv
	@echo "set-up: for the judges: pynn nest-simulator"
	@$(PYTHON) -m venv $(VENV)/pynn
	@$(VENV)/pynn/bin/python -m pip install $(QUIET) pynn==0.13.0 nest-simulator==3.10.0
	@touch $@

# One line a consumer: its stamp, and the variable that names its Python.
JUDGES := ort brian2 lava-dl pynn sanafe xylosim
JUDGE_PYTHONS = \
    BRIAN2_PYTHON=$(abspath $(VENV))/brian2/bin/python \
    LAVA_DL_PYTHON=$(abspath $(VENV))/lava-dl/bin/python \
    PYNN_PYTHON=$(abspath $(VENV))/pynn/bin/python \
    SANAFE_PYTHON=$(abspath $(VENV))/sanafe/bin/python \
    XYLOSIM_PYTHON=$(abspath $(VENV))/xylosim/bin/python

judges: $(STAMPS)/dev $(STAMPS)/interop $(STAMPS)/lava $(JUDGES:%=$(STAMPS)/%)
	$(JUDGE_PYTHONS) $(PY) tools/judges.py $(if $(WRITE),--write) -n $(JOBS) $(PYTEST_ARGS)

battery: $(STAMPS)/dev
	$(PY) tests/battery/generator.py --number $(N) --seed $(SEED)

lava-equal: lava
	PYTHONSAFEPATH=1 $(PY) tests/loihi/lava_equal.py --networks $(N) --seed $(SEED)

lint: $(STAMPS)/dev
	@tools/lint.sh $(BIN)

type: $(STAMPS)/dev
	@$(PY) tools/typecheck.py

sanitize: $(STAMPS)/dev
	@$(PY) tools/freestanding.py
	@JOBS=$(JOBS) tools/sanitize.sh $(BIN) $(PYTEST_ARGS)

coverage: $(STAMPS)/dev
	@$(PY) tools/kernel_coverage.py $(BIN) $(PYTEST_ARGS)

# Compilers and emulators of other processors are Debian's; what is missing is skipped and named.
cross: $(STAMPS)/dev
	@NETWORKS=$(NETWORKS) $(PY) tools/cross.py $(CROSS)

callgrind: $(STAMPS)/dev
	@$(PY) tools/instructions.py $(if $(WRITE),--write)

# The HTML report in a headless Chromium (Debian: apt install chromium), from disk, without network.
browser: $(STAMPS)/dev
	@$(PY) tests/reporting/chromium.py
	$(BIN)/pytest tests/reporting/test_browser.py $(PYTEST_ARGS)

docs: $(STAMPS)/dev
	@$(PY) tools/check_docs.py

# The wheel is built from the sdist, so a file missing from the sdist shows here.
build: $(STAMPS)/dev
	@rm -rf build dist
	$(PY) -m build --quiet --no-isolation --outdir dist .
	@$(PY) tools/wheel_check.py dist/*.whl

clean:
	test ! -e $(VENV)/pyvenv.cfg || rm -rf $(VENV)
	rm -rf .typetree build dist out *.egg-info .coverage* htmlcov
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f simulators/_kernel*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
