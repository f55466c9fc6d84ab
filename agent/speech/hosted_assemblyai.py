"""AssemblyAI's plugin with connection errors that livekit-agents retries, and with a connection timeout.

The plugin 1.8.9 raises aiohttp's errors, which are not retried and whose `repr` contains the key.
tests/agent/speech/test_hosted.py passes without this module once the plugin is fixed.
"""

from __future__ import annotations

import asyncio
import dataclasses

import aiohttp
from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, APITimeoutError, NotGivenOr
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.plugins import assemblyai


class AssemblyAISTT(assemblyai.STT):
    """The plugin's STT with the streams below."""

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> assemblyai.SpeechStream:
        """Open a stream, as the plugin does."""
        stream = _Stream(
            stt=self,
            conn_options=conn_options,
            opts=dataclasses.replace(self._opts),
            api_key=self._api_key,
            http_session=self.session,
            base_url=self._base_url,
        )
        self._streams.add(stream)
        return stream


class _Stream(assemblyai.SpeechStream):
    async def _connect_ws(self) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(self._conn_options.timeout):
                return await super()._connect_ws()
        except TimeoutError:
            raise APITimeoutError from None
        except aiohttp.ClientResponseError as error:
            raise APIStatusError(error.message, status_code=error.status) from None
        except aiohttp.ClientError as error:
            raise APIConnectionError(f"cannot connect to AssemblyAI ({type(error).__name__})") from None
