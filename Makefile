# `make install` once; then `make check fast` while you work, `make test` before you push.
PYTHON ?= .venv/bin/python

.PHONY: install check format fast test page bench

install:  ## a virtual environment with everything that the tests need
	python3 -m venv .venv
	.venv/bin/pip install -r requirements-dev.txt

check:  ## format, lint and types
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(PYTHON) -m mypy

format:  ## format, and mend what can be mended
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

fast:  ## the tests of a minute
	$(PYTHON) -m pytest -m "not slow and not browser"

test:  ## all tests; MNIST_DIR names a folder with MNIST
	$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

page:  ## the page, at http://localhost:8000
	$(PYTHON) -m http.server

bench:  ## speed of sampling and of training; bench/README.md has the others
	$(PYTHON) -m bench.sampling
	$(PYTHON) -m bench.training
