# Grandstand. `make run` and `make test` do all the set-up they need on Debian 12 with Swift.

SWIFT ?= swift
VENV := .build/venv
BINARY := .build/release/grandstand
PACKAGES := pkg-config libuv1-dev libsqlite3-dev zlib1g-dev libbz2-dev libssl-dev libnghttp2-dev libbrotli-dev libxml2-dev
TEST_PACKAGES := python3-venv curl wrk nghttp2-client openssl gcc libc6-dev chromium fonts-dejavu-core
BENCH_PACKAGES := wrk nghttp2-client openssl nginx-light libnginx-mod-nchan valgrind gcc libc6-dev python3-venv postgresql postgresql-contrib
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
FEED ?= simulation
SPEED ?= 20

.PHONY: run test check bench sim faults mutants fuzz format build packages test-packages bench-packages clean help

help:
	@echo "make run     install what is missing, build, and open Grandstand in this terminal"
	@echo "             (FEED=path plays a recorded market instead of the simulated world, SPEED=20 times as fast;"
	@echo "             ARGS='--data DIR --listen ADDRESS:PORT' and whatever else \`serve --help\` lists)"
	@echo "make test    install what is missing and run every test"
	@echo "make check   format, lint, unit and property tests"
	@echo "make bench   measure, print the ratios, write bench.json and BENCHMARKS.md"
	@echo "make sim     play seeds of the simulation against the judge (SEEDS=1..1000)"
	@echo "make faults  kill, stop, fill, slow down and confuse the real server (FAULT_ROUNDS=2 for longer)"
	@echo "make mutants build with known bugs that the simulation must find"
	@echo "make fuzz    throw bytes at every reader that a stranger faces (FUZZ_SECONDS=600 FUZZ_TARGETS=\"http json\")"
	@echo "make format  put the sources into their one format"

# Installs only what dpkg does not know as installed; $(1) is the list.
define install
	@missing=""; for p in $(1); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q "install ok installed" || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

packages:
	$(call install,$(PACKAGES))

test-packages: packages
	$(call install,$(TEST_PACKAGES))

bench-packages: packages
	$(call install,$(BENCH_PACKAGES))

build: packages
	$(SWIFT) build -c release --product grandstand

run: build
	$(BINARY) serve --feed $(FEED) $(if $(filter-out simulation none,$(FEED)),--speed $(SPEED)) $(ARGS)

$(VENV)/ready: Tests/EndToEnd/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -r $<
	touch $@

check: packages
	$(SWIFT) format lint --strict --recursive Sources Tests Benchmarks Fuzz Package.swift
	$(SWIFT) test

test: test-packages build check $(VENV)/ready
	$(VENV)/bin/python -m pytest -q Tests/EndToEnd

# Seeds FROM..TO, as in `make sim SEEDS=1..100000`.
SEEDS ?= 1..1000
sim: build
	$(BINARY) sim --seeds $(SEEDS)

# Faults of the real machine against the real binary: about three minutes a round.
FAULT_ROUNDS ?= 2
faults: test-packages build $(VENV)/ready
	FAULT_ROUNDS=$(FAULT_ROUNDS) timeout 1800 $(VENV)/bin/python -m pytest -v Tests/EndToEnd/test_faults.py Tests/EndToEnd/test_kill.py

# A build in which one known bug at a time can be chosen: .build/planted/release/grandstand sim --bug NAME --seeds 1..400
mutants: packages
	$(SWIFT) build -c release --product grandstand --scratch-path .build/planted -Xswiftc -DPLANTED_BUGS

bench: bench-packages
	$(SWIFT) build -c release
	python3 Benchmarks/bench.py

# Both sanitizers in one flag: of two flags only the last reaches what is compiled, and a fuzzer that sees no
# coverage only guesses. Each target gets FUZZ_SECONDS of one processor; what it finds is written beside its corpus in Fuzz/Corpora.
FUZZ_TARGETS ?= http http2 websocket json message feed betfair unified journal fields configuration connection connection2
FUZZ_SECONDS ?= 600
fuzz: packages
	GRANDSTAND_FUZZ_BUILD=1 $(SWIFT) build -c release --product grandstand-fuzz --scratch-path .build/fuzz --sanitize=fuzzer -Xswiftc -sanitize=fuzzer,address
	@for t in $(FUZZ_TARGETS); do mkdir -p .build/fuzz/corpora/$$t; echo "=== $$t, $(FUZZ_SECONDS) s"; \
	  GRANDSTAND_FUZZ=$$t SWIFT_BACKTRACE=enable=no timeout $$(($(FUZZ_SECONDS) + 120)) .build/fuzz/release/grandstand-fuzz \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 -print_final_stats=1 -artifact_prefix=Fuzz/Corpora/$$t/found- \
	    .build/fuzz/corpora/$$t Fuzz/Corpora/$$t 2>&1 | grep -E "^stat::(num|average|new)|SUMMARY|Fatal"; \
	  if ls Fuzz/Corpora/$$t/found-* >/dev/null 2>&1; then echo "found: $$(ls Fuzz/Corpora/$$t/found-*)"; exit 1; fi; done

format:
	$(SWIFT) format --in-place --recursive Sources Tests Benchmarks Fuzz Package.swift

clean:
	rm -rf .build
