# Every verb does its own set-up; nothing is needed beforehand but Python and make.
.DEFAULT_GOAL := help
ARGS ?=
STACK ?=
export RACCROCHE_STACK := $(STACK)

.PHONY: help setup demo test test-compose check simulate faults bench up down status prepare-compose up-compose down-compose format lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:
	@deploy/bootstrap

demo: setup ## play the whole job with fictitious people and compare with the truth (ARGS="--people 200 --seed 2 --json --keep")
	@.venv/bin/raccroche demo $(ARGS)

test: setup ## unit, property and journey tests on the real broker and database (ARGS="-k relay", STACK=containers)
	.venv/bin/python -m pytest $(ARGS)

test-compose: setup ## the same journey in containers, through kills and an upgrade; a server's troubles (needs Docker; ARGS="--people 200")
	PYTHONPATH=tests:chassis/tests .venv/bin/python -m compose $(ARGS)

check: setup ## format, lint, types, walls, fast tests
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/hadolint deploy/image/Dockerfile
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose/rehearsal.yml tests/compose/*.yml
	.venv/bin/python -m pytest -q -m "not stack"

simulate: setup ## the core in virtual time under faults, seed by seed, and every mutant (ARGS="--seeds 20000", ARGS="--seed 7")
	PYTHONPATH=tests:chassis/tests .venv/bin/python -m simulation $(ARGS)

faults: setup ## strike real processes, Kafka on three nodes and PostgreSQL, and ask what was lost (FAULTS=smoke: the short form)
	PYTHONPATH=tests:chassis/tests .venv/bin/python -m simulation $(if $(filter smoke,$(FAULTS)),--seeds 600,--seeds 5000)
	PYTHONPATH=tests:chassis/tests .venv/bin/python -m faults $(if $(filter smoke,$(FAULTS)),--smoke) $(ARGS)

bench: setup ## measure the chassis beside its references (ARGS="commands relaying")
	PYTHONPATH=tests:chassis/tests:services/intake/tests .venv/bin/python -m load $(ARGS)

up: setup ## start the local stack
	@.venv/bin/raccroche up

down: setup ## stop what `up` started
	@.venv/bin/raccroche down

status: setup ## what runs, and how it fares
	@.venv/bin/raccroche status

prepare-compose: setup ## what `up-compose` does first: secrets and variables, drawn the first time and only mended later (docs/one-server.md)
	@.venv/bin/raccroche server prepare
	@[ -e .env ] || ln -sfn server/compose.env .env

up-compose: prepare-compose ## the whole system in containers on this server, secrets made the first time (docs/one-server.md)
	RACCROCHE_REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) docker compose --env-file server/compose.env up --build --wait

down-compose: ## stop what `up-compose` started; its volumes and secrets stay
	docker compose --env-file server/compose.env --profile observability down

format: setup ## lay the code out, sort imports, mend what ruff can mend
	.venv/bin/ruff check --fix --quiet .
	.venv/bin/ruff format .

lock: setup ## write requirements.lock anew from the pyprojects (names no registry)
	var/tools/bin/uv lock --quiet --upgrade
	var/tools/bin/uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-header --no-annotate --format requirements-txt > requirements.lock
	@deploy/bootstrap
	.venv/bin/python deploy/image/packages.py write deploy/image

clean: ## remove the environment and all local state (run `make down` first)
	rm -rf .venv var
