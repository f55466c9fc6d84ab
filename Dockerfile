# syntax=docker/dockerfile:1.7
# One image for every part: `python -m api` (the default), `python -m worker`, `python -m agent`, and
# `python -m agent.speech.embedded.model_server` and `...speech_server` for the embedded models. The models are inside.

FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.11.14-slim-bookworm AS base

FROM base AS dependencies
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /app
COPY pyproject.toml uv.lock ./
# No cache mount: Railway refuses those that do not carry its own service's id.
RUN uv sync --locked --no-default-groups --group local --all-extras

FROM base
# llama.cpp needs OpenMP, which the slim image lacks. Debian has one version of it: nothing to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home app \
    # A volume mounted here belongs to the API: `python -m api.auth.api_keys` writes its file as this user.
    && install --directory --owner 10001 --mode 0700 /keys
WORKDIR /app
COPY --from=dependencies /app/.venv .venv
COPY LICENSE NOTICE errors.py settings.py worker.py ./
COPY activities activities
COPY agent agent
COPY api api
COPY connections connections
COPY console console
COPY contracts contracts
COPY telemetry telemetry
COPY workflows workflows
# Containers are reached from outside; the defaults of the settings are loopback.
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 API_HOST=0.0.0.0 AGENT_HEALTH_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0
USER 10001
EXPOSE 8000 8081
CMD ["python", "-m", "api"]
