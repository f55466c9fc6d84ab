"""A session's agents: one serves, at most one is coming to succeed it, and whoever is lost is replaced at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from contracts.agent import AgentOutcome, AgentReady, DrainRequest
    from contracts.session import SessionRequest
    from contracts.statuses import EndReason
    from workflows.session import activity_calls, session_metrics
    from workflows.session.agent_failures import Loss, loss_of
    from workflows.session.clock import now, since
    from workflows.session.state import Notes

_SEEN_OFF_SECONDS = 30
"""How long an agent that gave the word to its successor may take to leave by itself."""
_LONGEST_PAUSE_SECONDS = 2.0
"""Between newcomers that fail while another agent serves: nobody waits for them."""
_BRIEF_SECONDS = 5.0
"""An agent that hands over to nobody as early as this has served nobody, and its successors may do the same forever."""

Launch = workflow.ActivityHandle[AgentOutcome]


class Agents:
    """One activity a generation, so that the UI shows each that served the session and why it went."""

    def __init__(
        self,
        session: SessionRequest,
        notes: Notes,
        *,
        is_ending: Callable[[], bool],
        end: Callable[[EndReason], None],
        tell: Callable[[], None],
    ) -> None:
        self._session = session
        self._watch = notes.agents
        self._story = notes.story
        self._log = notes.events
        self._is_ending = is_ending
        self._end = end
        self._tell = tell
        self._open: dict[int, Launch] = {}
        self._tasks: deque[asyncio.Task[None]] = deque()
        self._newest: asyncio.Task[None] | None = None
        self._pause_seconds = session.limits.agent_relaunch_pause_seconds
        self._occasion = "the session's first" if session.memory is None else "as the session goes on in a new run"
        self._serving_since = 0.0

    async def keep(self) -> None:
        """Keep an agent with the session until it ends. Returns when every launch is over."""
        self._launch_if_needed()
        while self._tasks:
            await self._tasks.popleft()  # a launch that ends has started the next one by then
        self._watch.stop()

    async def stop(self) -> None:
        """Call all launches off. Returns once none of them can dispatch any more; `keep` returns when all are gone."""
        for launch in self._open.values():
            launch.cancel()
        if self._newest is not None and not self._watch.claimed:
            await self._newest

    def ready(self, report: AgentReady) -> None:
        """A newcomer has the word."""
        predecessor, missing_since = self._watch.serving, self._watch.missing_since
        is_first, is_handed_on = not self._watch.ever_ready, self._watch.predecessor_lives
        if self._is_ending() or not self._watch.ready(report):
            return
        if predecessor is not None:
            told = f"took over from generation {predecessor}, which had served for {since(self._serving_since)}"
            self._tasks.append(asyncio.create_task(self._see_off(predecessor)))
        else:
            missing_since = now() if missing_since is None else missing_since
            if is_first:
                session_metrics.first_ready(now() - missing_since)
            elif not is_handed_on:  # where a session goes on in a new run, its agent has talked on
                session_metrics.recovered(now() - missing_since)
            waited = since(missing_since)
            told = f"took over after {waited}" if report.generation > 1 else f"is ready after {waited}"
        self._story.add(now(), f"generation {report.generation} {told}")
        self._log.agent_ready(now(), report.generation, self._watch.leaving)
        self._serving_since = now()
        self._pause_seconds = self._session.limits.agent_relaunch_pause_seconds
        self._launch_if_needed()  # its own server may have begun to stop meanwhile

    def drain(self, request: DrainRequest) -> None:
        """An agent's server will stop: launch its successor, while it goes on serving."""
        if not self._is_ending() and self._watch.drain(request.generation):
            self._story.add(now(), f"generation {request.generation} must go, its agent server stops; it serves on")
            self._log.agent(now(), request.generation, "draining", "its agent server stops")
            self._launch_if_needed()
            self._tell()

    def _launch_if_needed(self) -> None:
        if self._is_ending() or not self._watch.needs_another:
            return
        may_live, lives = self._watch.predecessor_may_live, self._watch.predecessor_lives
        serving, generation = self._watch.serving, self._watch.launch()
        occasion = self._occasion if serving is None else f"to take over from generation {serving}, which must go"
        launch = activity_calls.launch_agent(
            self._session,
            generation,
            predecessor_may_live=may_live,
            predecessor_is_silent=may_live and not lives,
            occasion=occasion,
        )
        self._open[generation] = launch
        self._log.agent(now(), generation, "launching", occasion)
        self._newest = asyncio.create_task(self._follow(generation, launch))
        self._tasks.append(self._newest)
        self._tell()

    async def _follow(self, generation: int, launch: Launch) -> None:
        """One generation until it is gone, and what follows from that."""
        loss = loss_of(await _end_of(launch), self._session.limits)
        del self._open[generation]
        if self._is_ending():
            return
        never_served = generation == self._watch.coming
        self._note(generation, loss)
        if generation != self._watch.leaving and not loss.handed_over:
            session_metrics.lost(loss)
        counts = loss.makes_a_crash or self._hands_over_at_once(generation, loss)
        self._watch.gone(generation, now(), counts=counts, is_dead=loss.is_dead)
        if self._watch.crash_looping:
            self._end(EndReason.AGENT_UNAVAILABLE)
        self._tell()
        if never_served and not self._is_ending():
            await self._pause()
        self._launch_if_needed()

    def _hands_over_at_once(self, generation: int, loss: Loss) -> bool:
        to_nobody = loss.handed_over and generation == self._watch.serving and self._watch.coming is None
        return to_nobody and now() - self._serving_since < _BRIEF_SECONDS and workflow.patched("brief-handover")

    def _note(self, generation: int, loss: Loss) -> None:
        """Tell how a generation went, while the watch still knows what it was to the session."""
        who = f"generation {generation}"
        if generation == self._watch.leaving:
            told = f"{who} has left" if loss.handed_over else f"{who}, already succeeded, is gone: {loss.words}"
        elif generation == self._watch.coming:
            told = f"{who} did not take over: {loss.words}"
            self._occasion = f"after {told}"
        else:
            told = f"{who} handed over" if loss.handed_over else f"{who} was lost: {loss.words}"
            self._occasion = f"after {told}"
            told = f"{told}; it had served for {since(self._serving_since)}"
        self._story.add(now(), told)
        in_order = generation == self._watch.leaving or (loss.handed_over and self._watch.coming is not None)
        self._log.agent(now(), generation, "stopped" if in_order else "lost", loss.words)

    async def _pause(self) -> None:
        """Before the next newcomer. Where another agent serves it may be longer, unless that one goes."""
        if self._watch.serving is None:
            await workflow.sleep(self._session.limits.agent_relaunch_pause_seconds)
            return
        pause, self._pause_seconds = self._pause_seconds, min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        try:
            await workflow.wait_condition(lambda: self._is_ending() or self._watch.serving is None, timeout=pause)
        except TimeoutError:
            return

    async def _see_off(self, generation: int) -> None:
        """Wait until a generation that gave the word away has left; in the end call its launch off."""
        try:
            await workflow.wait_condition(
                lambda: self._is_ending() or generation not in self._open, timeout=_SEEN_OFF_SECONDS
            )
        except TimeoutError:
            if launch := self._open.get(generation):  # it may have gone in the very moment
                launch.cancel()


async def _end_of(launch: Launch) -> AgentOutcome | BaseException:
    try:
        return await launch
    except (ActivityError, asyncio.CancelledError) as error:  # the latter when called off before it had begun
        return error
