"""Finds Temporal's time-skipping test server: setting, cache, the SDK's download, Maven Central; the first that works.

Maven brings it as jars, and a small script in the cache makes them one executable for
`WorkflowEnvironment.start_time_skipping(test_server_existing_path=...)`.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from errors import SetupError
from settings import StackSettings
from stack.progress import still_working
from stack.servers.cache import build_folder, put_in_place
from stack.servers.find import explicit_binary, from_cache

VERSION = "1.33.0"
_MAIN_CLASS = "io.temporal.testserver.TestServer"
_SDK_DOWNLOADS_FROM = ("temporal.download", 443)
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>test-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""
_SCRIPT = """#!/bin/sh
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp "{jars}/*" {main} "$@"
"""


def resolve_temporal_test_server(settings: StackSettings) -> Path:
    """The test server's executable. Raises SetupError that lists each source tried and what to do."""
    kept = settings.cache_dir / "servers" / f"temporal-test-server-{VERSION}" / "temporal-test-server"
    return explicit_binary("STACK_TEMPORAL_TEST_SERVER", settings.temporal_test_server) or from_cache(
        kept,
        [("SDK's download", lambda: _from_sdk(kept)), ("download from Maven Central", lambda: _from_maven(kept))],
        title="Temporal's test server",
        tried=["STACK_TEMPORAL_TEST_SERVER: not set"],
        advice="Install Java and Maven (Debian: apt install maven), or name the server in STACK_TEMPORAL_TEST_SERVER.",
    )


def _from_sdk(target: Path) -> None:
    """Let the SDK download it. Its download has no timeout, so first see that its host answers."""
    try:
        socket.create_connection(_SDK_DOWNLOADS_FROM, timeout=3).close()
    except OSError as error:
        raise SetupError(f"{_SDK_DOWNLOADS_FROM[0]} cannot be reached ({error})") from error

    async def download(folder: Path) -> None:
        async with await WorkflowEnvironment.start_time_skipping(download_dest_dir=str(folder)):
            pass

    with build_folder(target) as folder:
        try:
            with still_working("Temporal's test server: downloading"):
                asyncio.run(asyncio.wait_for(download(folder), timeout=120))
        except (RuntimeError, TimeoutError) as error:
            raise SetupError(f"the download failed ({error or type(error).__name__})") from error
        executables = [file for file in folder.iterdir() if file.is_file()]
        if len(executables) != 1:
            raise SetupError(f"the download left {len(executables)} files instead of one")
        put_in_place(executables[0], target)


def _from_maven(target: Path) -> None:
    if shutil.which("java") is None:
        raise SetupError("a Java runtime is needed and `java` is not on PATH")
    maven = shutil.which("mvn")
    if maven is None:
        raise SetupError("Maven is needed to fetch the jars and `mvn` is not on PATH")
    jars = target.with_name("jars")
    with build_folder(target) as folder:
        (folder / "pom.xml").write_text(_POM.format(version=VERSION))
        command = [maven, "--batch-mode", "--quiet", "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'jars'}"]
        with still_working("Temporal's test server: Maven is fetching the jars"):
            fetched = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
        if fetched.returncode != 0 or not any((folder / "jars").glob("temporal-test-server-*.jar")):
            raise SetupError(f"Maven failed: {' / '.join((fetched.stdout + fetched.stderr).splitlines()[:3])}")
        put_in_place(folder / "jars", jars)
        # Last: its presence means that the entry is complete.
        script = folder / target.name
        script.write_text(_SCRIPT.format(jars=jars, main=_MAIN_CLASS))
        put_in_place(script, target)
