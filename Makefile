# One target for each task. Each builds the environment it needs first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FIGURES ?= figures
# threads of the linear algebra would compete with those of the program and of the test runner
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# without bytecode, each of the many processes of the tests would compile all modules anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help figure1 rashba metals textures hbn alsb verify test test-all statistics references nightly bench bench-memory bench-scaling lint format types imports examples docs pictures schema \
	wheel pythons release check clean

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "adiabloch needs Python 3.11 or newer; choose it with: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

# packages of a user; the developers' environment contains them as well
$(VENV)/.user: $(BIN)/python pyproject.toml
	@test $(VENV)/.dev -nt pyproject.toml || $(BIN)/pip install --quiet --editable '.[cli,fast]'
	@touch $@

# uv takes less than half of the time of pip, which does the same where uv cannot be used
$(VENV)/.dev: $(BIN)/python pyproject.toml
	{ $(BIN)/pip install --quiet uv && \
		$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[dev]'; } || \
		$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.user

figure1: $(VENV)/.user  ## reproduce Fig. 1 of the paper in figures/
	$(BIN)/adiabloch figure1 --output $(FIGURES)

rashba: $(VENV)/.user  ## compute orbital and spin magnetization with Rashba coupling in figures/
	$(BIN)/adiabloch rashba --output $(FIGURES)

metals: $(VENV)/.user  ## compute responses of a strained Chern insulator and metal to electric fields in figures/
	$(BIN)/adiabloch metals --output $(FIGURES)

textures: $(VENV)/.user  ## compute local currents in crystals that change from place to place in figures/
	$(BIN)/adiabloch textures --output $(FIGURES)

hbn: $(VENV)/.user  ## compute Wannier functions of rotating hBN: make hbn PSEUDO=folder (see examples/hbn; an hour)
	@test -n "$(PSEUDO)" || { echo "set the folder of the pseudopotentials: make hbn PSEUDO=folder"; exit 2; }
	$(BIN)/python examples/hbn/run_dft.py --pseudo '$(PSEUDO)' --output '$(FIGURES)/hbn'

alsb: $(VENV)/.user  ## compute Wannier functions of rotating AlSb with spin-orbit coupling (see examples/alsb; an hour)
	$(BIN)/python examples/alsb/run_dft.py --amplitudes 0.06 --output '$(FIGURES)/alsb'

verify: $(VENV)/.user  ## compare the bulk with open samples of the paper's model
	$(BIN)/adiabloch verify

test: $(VENV)/.dev  ## run the tests
	$(BIN)/pytest --numprocesses auto --dist loadfile --mpl

test-all: $(VENV)/.dev  ## run all tests, the slow ones too
	$(BIN)/pytest --numprocesses auto --dist loadfile --mpl -m ''

statistics: $(VENV)/.dev  ## check error bars of some random models against converged values
	$(BIN)/pytest --numprocesses auto --dist load -m 'statistics and not slow'

references: $(VENV)/.dev  ## recompute the stored numbers of the tests and compare them
	$(BIN)/python tests/references/make_references.py

nightly: $(VENV)/.dev  ## check error bars of thousands of random models against converged values (hours)
	$(BIN)/python tests/statistics/insulators.py 0 2000
	$(BIN)/python tests/statistics/metals.py 0 2000
	$(BIN)/python tests/statistics/metals.py --symmetric 0 1000

bench: $(VENV)/.dev  ## time against other programs and plain NumPy (half an hour; makes environments for other programs)
	$(BIN)/python benchmarks/run.py --write

bench-memory: $(VENV)/.dev  ## measure the largest memory of large calculations, run in part
	$(BIN)/python benchmarks/memory.py

bench-scaling: $(VENV)/.dev  ## measure the cost of handing out tasks, and the efficiency that follows
	$(BIN)/python benchmarks/scaling.py

lint: $(VENV)/.dev  ## check style, formatting, spelling
	$(BIN)/ruff check src tests docs examples benchmarks tools
	$(BIN)/ruff format --check src tests docs examples benchmarks tools
	$(BIN)/codespell src tests docs examples benchmarks tools changes *.md

format: $(VENV)/.dev  ## correct style and formatting automatically
	$(BIN)/ruff check --fix src tests docs examples benchmarks tools
	$(BIN)/ruff format src tests docs examples benchmarks tools

types: $(VENV)/.dev  ## check the types
	$(BIN)/mypy

imports: $(VENV)/.dev  ## check which module imports which
	$(BIN)/lint-imports

examples: $(VENV)/.dev  ## run the examples of docstrings, README and docs
	$(BIN)/pytest --quiet --doctest-modules src/adiabloch
	$(BIN)/pytest --quiet --markdown-docs README.md CONTRIBUTING.md docs
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && cd $$place && for script in $(CURDIR)/examples/*.py; do \
		MPLBACKEND=Agg $(abspath $(BIN))/python $$script --fast || exit 1; done

docs: $(VENV)/.dev  ## build the documentation in docs/_build, and check its links
	$(BIN)/sphinx-build --quiet -W --keep-going docs docs/_build
	$(BIN)/python tools/check_site.py docs/_build

pictures: $(VENV)/.dev  ## draw the pictures anew with which the tests compare; look at each of them
	$(BIN)/pytest --quiet tests/pictures --mpl-generate-path=tests/pictures/expected

schema: $(VENV)/.dev  ## write the JSON schema of job files anew
	$(BIN)/python -c "from adiabloch.jobs.specification import schema; print(schema(), end='')" > src/adiabloch/jobs/job.schema.json

wheel: $(BIN)/python  ## build the wheel and try it in empty environments
	PYTHON=$(PYTHON) BIN=$(abspath $(BIN)) sh tools/try_wheel.sh

pythons:  ## a quick part of the tests with the lowest versions, and on every later Python that is found
	PYTHON=$(PYTHON) sh tools/try_pythons.sh

release: $(VENV)/.dev  ## try a release: changelog, distributions built twice, checked and installed; nothing is published
	PYTHON=$(PYTHON) BIN=$(abspath $(BIN)) sh tools/release.sh

check: test statistics lint types imports examples docs wheel pythons  ## run all checks, as CI does

clean:  ## remove environment and everything built
	rm -rf $(VENV) build dist docs/_build docs/gallery docs/reference/generated $(FIGURES) .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
