# Two commands on a fresh machine: `make demo` and `make test`. Another interpreter: `PYTHON=python3.12 make demo`.
# JAX or PyTorch in the place of TensorFlow, in .venv-jax or .venv-torch: `make install-jax` or `make install-torch`.
PYTHON ?= python3
VENV ?= .venv
BACKEND ?= tensorflow
DEMO_FLAGS ?= --data demo --epochs 6
TEST_FLAGS ?= -n 2 --dist loadfile --no-loadscope-reorder
BENCH_FLAGS ?=
APP_FLAGS ?=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP = $(VENV)/bin/python -m pip install --disable-pip-version-check

.PHONY: demo app test lint bench clean install-jax install-torch

demo: $(VENV)/installed
	$(VENV)/bin/python train_squad.py $(DEMO_FLAGS) --run-dir runs/demo-$$(date +%Y%m%d-%H%M%S)

# A page to try the published models: http://127.0.0.1:7860. Its flags: `make app APP_FLAGS="--port 8000"`.
app: $(VENV)/installed-app
	$(VENV)/bin/python app.py $(APP_FLAGS)

# `make test BACKEND=jax` runs the tests of what is written in Keras on JAX; tests/conftest.py tells which these are.
test: export KERAS_BACKEND = $(BACKEND)
# The tests compile most functions once and run them once, so compiling must be quick.
ifeq ($(BACKEND),tensorflow)
test: export XLA_FLAGS = --xla_backend_optimization_level=0
endif
ifeq ($(BACKEND),jax)
test: export JAX_PLATFORMS = cpu
test: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
test: export XLA_FLAGS = --xla_cpu_use_fusion_emitters=false
endif
test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest $(TEST_FLAGS)

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: $(VENV)/installed-bench
	set -e; for name in squad_step squad_preprocessing; do $(VENV)/bin/python -m benchmarks.$$name $(BENCH_FLAGS); done

# An environment without TensorFlow. Scripts run in it as they are: .venv-jax/bin/python train_squad.py ...
install-jax: VENV := .venv-jax
install-jax: .venv-jax/installed
install-torch: VENV := .venv-torch
install-torch: .venv-torch/installed

clean:
	rm -rf $(VENV) .venv-jax .venv-torch .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './runs/*' -prune -exec rm -rf {} +

# Each stamp is newer than the requirements it stands for; a change of those installs again.
$(VENV)/bin/python .venv-jax/bin/python .venv-torch/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	    { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: PYTHON=python3.12 make ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) lacks its venv module; on Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/installed

$(VENV)/installed-app: requirements-app.txt requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements-app.txt
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: requirements-bench.txt requirements.txt | $(VENV)/bin/python
	$(PIP) --extra-index-url $(TORCH_INDEX) -r requirements-bench.txt
	$(PIP) --no-deps keras-hub==0.32.0
	@touch $@ $(VENV)/installed

.venv-jax/installed: requirements-jax.txt requirements-base.txt requirements.txt | .venv-jax/bin/python
	$(PIP) -r requirements-jax.txt
	@touch $@

.venv-torch/installed: requirements-torch.txt requirements-base.txt requirements.txt | .venv-torch/bin/python
	$(PIP) --extra-index-url $(TORCH_INDEX) -r requirements-torch.txt
	@touch $@
