# The two commands of a newcomer: `make run` and `make test`. Each installs what is missing, builds, and
# does its job. Everything else is CMake presets: dev (sanitizers), release (benchmarks), ci, fuzz.

BUILD ?= build/ci
JOBS ?= $(shell nproc)
OUT ?= out
SYNCOPATE := $(BUILD)/src/cli/syncopate

.PHONY: run test setup train build sanitize fuzz format bench clean

run: build
	@mkdir -p $(OUT)
	$(SYNCOPATE) run data/bundled/shapes_net.sync --on diannao,cambricon_x,cambricon_s \
	  --input data/bundled/pictures --normalize signed --check full \
	  --json $(OUT)/report.json --report $(OUT)/report.html
	@echo "Report: $(OUT)/report.html"

test:
	@scripts/setup.sh train
	scripts/test.sh

build: setup
	cmake --preset ci -DSYNCOPATE_TESTS=OFF $(CCACHE) > $(if $(VERBOSE),/dev/stdout,/dev/null)
	cmake --build $(BUILD) -j $(JOBS)

# Adds `syncopate train`, which needs libtorch.
train:
	@scripts/setup.sh train
	cmake --preset ci -DSYNCOPATE_TESTS=OFF -DSYNCOPATE_TRAIN=ON $(CCACHE) > $(if $(VERBOSE),/dev/stdout,/dev/null)
	cmake --build $(BUILD) -j $(JOBS)

setup:
	@scripts/setup.sh

sanitize: setup
	cmake --preset dev $(CCACHE) && cmake --build build/dev -j $(JOBS) && ctest --test-dir build/dev --output-on-failure

fuzz: setup
	scripts/fuzz.sh 60

bench: setup
	cmake --preset release $(CCACHE) && cmake --build build/release -j $(JOBS)

format: setup
	git ls-files '*.h' '*.cpp' | xargs clang-format-19 -i

clean:
	rm -rf build $(OUT)

CCACHE := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
