# One word each: `make demo`, `make test`, `make test-accelerator`, `make bench`, `make install`, `make lint`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: install demo test test-accelerator bench lint clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[demo,test,dev]'
	touch $@

demo: install
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) demo_notebooks/quickstart.ipynb

$(VENV)/.frameworks: $(VENV)/.installed tests/fastai.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[frameworks]'
	$(PIP) install --quiet --no-deps --requirement tests/fastai.txt
	touch $@

test: install $(VENV)/.frameworks
	sh tests/browser/install_chromium.sh $(BIN)/python
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# The engine's tests on a simulated accelerator, in place of one that is not there; needs a C++ compiler.
SIM := build/simulated_accelerator
test-accelerator: install
	$(PIP) install --quiet --no-build-isolation --upgrade --target $(SIM) tests/simulated_accelerator
	OMP_NUM_THREADS=1 PYTHONPATH=$(SIM) $(BIN)/python -m pytest -p sim tests/training/test_accelerator.py \
		tests/training/test_no_trace.py tests/training/test_resume.py

bench: install
	$(PIP) install --quiet --constraint constraints.txt --editable '.[bench]'
	$(PIP) install --quiet --no-deps --upgrade --target build/peers --requirement benchmarks/peers.txt
	sh tests/browser/install_chromium.sh $(BIN)/python
	$(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .venvs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
