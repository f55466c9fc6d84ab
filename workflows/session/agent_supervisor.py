"""Keeps an agent with the session: one serves, at most one comes to succeed it, a failed one is replaced at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from contracts.agent import AgentOutcome, AgentReady, Briefing, ClaimRequest, DrainRequest
    from contracts.events import AgentEventState
    from contracts.session import SessionRequest
    from contracts.statuses import EndReason
    from workflows.session import activity_calls, session_metrics
    from workflows.session.agent_failures import Exit, exit_of
    from workflows.session.clock import now, since, span
    from workflows.session.generations import Generation, Phase, briefing
    from workflows.session.state import SessionState

_HANDOVER_GRACE_SECONDS = 30
"""Grace period before a replaced agent's activity is cancelled."""
_LONGEST_PAUSE_SECONDS = 2.0
"""Between newcomers that fail while another agent serves: nobody waits for them."""
_BRIEF_SECONDS = 5.0
"""An agent that hands over to nobody as early as this has served nobody, and its successors may do the same forever."""

_STOP_SECONDS = 3.0
_LONG_WAIT = 1.0
"""Seconds in the queue that are worth a line in the timeline."""

Launch = workflow.ActivityHandle[AgentOutcome]


class AgentSupervisor:
    """One activity a generation, so that the UI shows each that served the session and why it exited."""

    def __init__(
        self,
        request: SessionRequest,
        state: SessionState,
        *,
        end: Callable[[EndReason], None],
        publish: Callable[[], None],
    ) -> None:
        self._request = request
        self._state = state
        self._agents = state.agents
        self._events = state.events
        self._end = end
        self._publish = publish
        self._open: dict[int, Launch] = {}
        self._tasks: deque[asyncio.Task[None]] = deque()
        self._newest: asyncio.Task[None] | None = None
        self._pause_seconds = request.limits.agent_relaunch_pause_seconds

    async def keep(self) -> None:
        """Keep an agent with the session until it ends. Returns when every launch is over."""
        if (serving := self._agents.serving) is not None:  # since the run before, whose activities have ended with it
            self._adopt(serving, "as the session continues as new")
        self._launch_if_needed()
        while self._tasks:
            await self._tasks.popleft()  # a launch that ends has started the next one by then
        self._agents.stop()

    async def stop(self) -> None:
        """Cancel all launches. Returns once none can make the room again; `keep` returns when all have exited.

        A host that does not answer is not waited for: the bill would be late.
        """
        for launch in self._open.values():
            launch.cancel()
        if self._newest is not None and self._agents.coming is not None:
            await workflow.wait([self._newest], timeout=_STOP_SECONDS)

    def ready(self, report: AgentReady) -> None:
        """A newcomer has the floor."""
        agents, predecessor = self._agents, self._agents.serving
        missing_since, is_first = agents.missing_since, not agents.newest_ready
        if self._state.end.is_decided or not agents.ready(report, now()):
            return
        if predecessor is not None:
            words = f"took over from generation {predecessor.number}, which had served for {_served(predecessor)}"
            self._tasks.append(asyncio.create_task(self._await_exit(predecessor.number)))
        else:
            missing_since = now() if missing_since is None else missing_since
            if is_first:
                session_metrics.first_ready(now() - missing_since)
            else:
                session_metrics.recovered(now() - missing_since)
            words = f"{'is ready' if report.generation == 1 else 'took over'} after {since(missing_since)}"
        number = report.generation
        self._events.agent(now(), number, "ready", words=f"generation {number} {words}")
        self._events.turns(now(), self._state.transcript, before=number)
        self._pause_seconds = self._request.limits.agent_relaunch_pause_seconds
        self._launch_if_needed()  # its own AgentServer may have begun to stop meanwhile

    def claim(self, request: ClaimRequest) -> Briefing:
        """An agent host has taken a launch from the queue and claims it for its job; returns the briefing."""
        if (taken := self._agents.claim(request)) is not None:
            waited = now() - taken.queued_at
            words = f"generation {taken.number} waited {span(waited)} for an agent host" if waited >= _LONG_WAIT else ""
            self._events.agent(now(), taken.number, "launching", words=words)
            self._publish()
        turns = self._state.transcript.turns
        return briefing(self._request, request.generation, turns, predecessor_lives=self._agents.predecessor_lives)

    def drain(self, request: DrainRequest) -> None:
        """An AgentServer stops: launch its agent's successor, while that agent serves on."""
        number = request.generation
        if not self._state.end.is_decided and self._agents.drain(number):
            words = f"generation {number} must go: its AgentServer stops; it serves on"
            self._events.agent(now(), number, "draining", "its AgentServer stops", words)
            self._launch_if_needed()
            self._publish()

    def _adopt(self, serving: Generation, reason: str) -> None:
        """Have the host of the agent that serves heartbeat for it under a new activity. Nothing is heard of it."""
        launch = self._open[serving.number] = activity_calls.adopt_agent(self._request, serving, reason)
        self._tasks.append(asyncio.create_task(self._follow(serving.number, launch)))

    def _launch_if_needed(self) -> None:
        agents = self._agents
        if self._state.end.is_decided or not agents.needs_another:
            return
        serving, may_live, lives = agents.serving, agents.predecessor_may_live, agents.predecessor_lives
        reason = agents.launch_reason if serving is None else f"to succeed generation {serving.number}, which must go"
        generation = agents.launch(now())
        launch = activity_calls.launch_agent(
            self._request,
            generation,
            predecessor_may_live=may_live,
            predecessor_is_silent=may_live and not lives,
            reason=reason,
        )
        self._open[generation] = launch
        self._events.agent(now(), generation, "queued", reason)
        self._newest = asyncio.create_task(self._follow(generation, launch))
        self._tasks.append(self._newest)
        self._publish()

    async def _follow(self, number: int, launch: Launch) -> None:
        """Follow one generation until it exits, then launch the next if one is needed."""
        exited = exit_of(await _outcome(launch), self._request.limits)
        del self._open[number]
        generation = self._agents.find(number)
        if generation is None:
            return
        is_suspected = exited.is_suspect and generation is self._agents.serving
        self._note_time(generation, exited, is_gone=not is_suspected)
        if self._state.end.is_decided:
            return
        if is_suspected:
            # Slowness is no death, and a second agent would make a busy machine busier.
            self._adopt(generation, f"after {exited.words}")
            return
        never_served = generation is self._agents.coming
        self._log_exit(generation, exited)
        if generation.phase is not Phase.LEAVING and not exited.handed_over:
            session_metrics.agent_failed(exited)
        counts = exited.counts_as_crash or self._handed_over_at_once(generation, exited)
        self._agents.exited(number, now(), counts=counts, is_dead=exited.is_dead)
        if self._agents.is_crash_loop(self._request.limits.agent_max_losses_per_minute):
            self._end(EndReason.AGENT_UNAVAILABLE)
        self._publish()
        if never_served and not self._state.end.is_decided:
            await self._pause()
        self._launch_if_needed()

    def _note_time(self, generation: Generation, exited: Exit, *, is_gone: bool) -> None:
        """Also at the end: the news of an agent that died before can come late, and the bill must know."""
        now_ms = round(now() * 1000)
        at_ms = now_ms if exited.at_ms is None else min(exited.at_ms, now_ms)
        if not is_gone:
            self._agents.seen(generation.number, at_ms)
            return
        is_known = exited.at_ms is not None or not (exited.fell_silent or exited.is_dead)
        at_ms = at_ms if is_known else generation.seen_at_ms
        self._agents.gone(generation.number, at_ms)
        self._state.caller.sighted(at_ms)

    def _handed_over_at_once(self, generation: Generation, exited: Exit) -> bool:
        to_nobody = exited.handed_over and generation.phase is Phase.SERVING and self._agents.coming is None
        return to_nobody and now() - generation.serving_since < _BRIEF_SECONDS

    def _log_exit(self, generation: Generation, exited: Exit) -> None:
        name = f"generation {generation.number}"
        match generation.phase:
            case Phase.LEAVING:
                words = (
                    f"{name} has left" if exited.handed_over else f"{name}, already succeeded, exited: {exited.words}"
                )
            case Phase.QUEUED | Phase.LAUNCHING:
                words = f"{name} did not take over: {exited.words}"
                self._agents.launch_reason = f"after {words}"
            case _:
                words = f"{name} handed over" if exited.handed_over else f"{name} was lost: {exited.words}"
                self._agents.launch_reason = f"after {words}"
                words = f"{words}; it had served for {_served(generation)}"
        is_expected = exited.handed_over and self._agents.coming is not None
        state: AgentEventState = "stopped" if is_expected or generation.phase is Phase.LEAVING else "lost"
        self._events.agent(now(), generation.number, state, exited.words, words)

    async def _pause(self) -> None:
        """Before the next newcomer. Longer each time while another agent serves, unless that one exits."""
        if self._agents.serving is None:
            await workflow.sleep(self._request.limits.agent_relaunch_pause_seconds)
            return
        pause, self._pause_seconds = self._pause_seconds, min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        try:
            await workflow.wait_condition(
                lambda: self._state.end.is_decided or self._agents.serving is None, timeout=pause
            )
        except TimeoutError:
            return

    async def _await_exit(self, number: int) -> None:
        """Wait until a replaced generation has left; cancel its activity after the grace period."""
        try:
            await workflow.wait_condition(
                lambda: self._state.end.is_decided or number not in self._open, timeout=_HANDOVER_GRACE_SECONDS
            )
        except TimeoutError:
            if launch := self._open.get(number):  # it may have exited in the very moment
                launch.cancel()


def _served(generation: Generation) -> str:
    return since(generation.serving_since)


async def _outcome(launch: Launch) -> AgentOutcome | BaseException:
    try:
        return await launch
    except (ActivityError, asyncio.CancelledError) as error:  # the latter when cancelled before it had begun
        return error
