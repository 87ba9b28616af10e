# The few commands that everybody needs. `make help` lists them; continuous integration runs the same ones.

CARGO := scripts/cargo.sh
TARGET := $(shell uname -m)-unknown-linux-gnu
RELEASE := $(CURDIR)/target/$(TARGET)/release
PREFIX := /usr/local

.PHONY: help up build install test test-install bench soak doctor clean

help: ## List these commands.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

up: install ## Install what is missing, build, and run the server in the foreground.
	exec $(PREFIX)/bin/paddock serve

build: ## Build the release binary, with the toolbox inside.
	$(CARGO) build --release --locked -p paddock-toolbox-bin
	PADDOCK_TOOLBOX=$(RELEASE)/paddock-toolbox $(CARGO) build --release --locked -p paddock

install: ## Install packages and the binary, without starting it.
	scripts/install.sh
	$(MAKE) --no-print-directory build
	install -m 0755 $(RELEASE)/paddock $(PREFIX)/bin/paddock

test: ## Run every check: lints, unit, contract, control plane, SDKs against real sandboxes.
	scripts/install.sh test
	$(CARGO) xtask test

test-install: ## Prove `make up` on a bare system of this host's release (a quarter of an hour).
	scripts/install.sh test
	scripts/test-install.sh

bench: ## Measure against bare baselines; prints a table and writes target/bench.json.
	scripts/install.sh test
	$(CARGO) xtask bench

MINUTES ?= 20
soak: ## Long runs, not part of `test`: lives with kills for MINUTES=20, then one sandbox whose daemon must not grow.
	scripts/install.sh test
	$(CARGO) xtask soak --lives $(MINUTES)
	$(CARGO) xtask soak

doctor: ## Check this host.
	$(PREFIX)/bin/paddock doctor

clean: ## Remove what was built.
	rm -rf target
