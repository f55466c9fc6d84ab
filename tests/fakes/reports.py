"""Reports of agents, as their hosts send them."""

from __future__ import annotations

from contracts.agent import AgentReady, AgentReport, AgentReports, ProviderChanged
from contracts.room import Presence
from contracts.turns import Turn


def report_of(content: AgentReady | Turn | Presence | ProviderChanged) -> AgentReport:
    """Wrap one report."""
    match content:
        case AgentReady():
            return AgentReport(ready=content)
        case Turn():
            return AgentReport(turn=content)
        case Presence():
            return AgentReport(presence=content)
        case ProviderChanged():
            return AgentReport(provider=content)


def reports(*contents: AgentReady | Turn | Presence | ProviderChanged) -> AgentReports:
    """The argument of the signal `agent_reports`."""
    return AgentReports(reports=tuple(report_of(each) for each in contents))
