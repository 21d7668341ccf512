"""A loop over time read again in other lengths: each must give the same network.

Once in 40 steps; then, where a count of steps or a length is compared with a number that no step
has reached, in as many steps as reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from neurochain.errors import Finding, UnsupportedError
from neurochain.frontends.modules._bounds import (
    Need,
    Noted,
    guesses,
    lone_needs,
    needs,
    residues,
)
from neurochain.frontends.modules._calls import Trace
from neurochain.frontends.modules._longer import longer, same_network, shorter
from neurochain.frontends.modules._outputs import OTHERWISE
from neurochain.frontends.modules._reading import Reading
from neurochain.frontends.modules._sample import Sample
from neurochain.frontends.result import FrontendResult, Style

__all__ = ["check_length"]

MOST_STEPS = 2000
MOST_ROUNDS = 6
FAILS = "forward fails on a sample of that length"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Loop:
    """A module that loops, and how it was read first."""

    module: nn.Module
    given: Sample
    result: FrontendResult
    step_s: float
    follow: Callable[..., Trace]

    def read(self, steps: int | None, causes: list[Need]) -> tuple[Noted | None, str]:
        """Read a sequence of `steps` steps, where possible; why not, else.

        Errors: UnsupportedError where it is another network, naming `causes`.
        """
        sample = longer(self.result, self.given, steps)
        if sample is None:
            return None, "a sample of that length cannot be made of the one given"
        followed = self.follow(sample)
        if followed.failure is not None:
            kind = type(followed.failure).__name__
            return None, f"{FAILS} ({kind})"
        reading = Reading(self.module, sample, followed, self.step_s)
        length = sample.x.shape[self.result.time_axis or 0]
        noted = Noted(steps=length, found=followed.tracer.notes.found)
        try:
            again = replace(reading.result(), inside=self.result.inside)
        except UnsupportedError as error:
            if all(map(_is_about_length, error.findings)):
                # what is made of the outputs is meant for the number of steps given
                return noted, "what forward returns is made for the number of steps of the sample"
            raise UnsupportedError(*error.findings, *_named(causes)) from error
        findings = same_network(self.result, again, length)
        if findings:
            raise UnsupportedError(*findings, *_named(causes))
        return noted, ""


def _is_about_length(finding: Finding) -> bool:
    """True where a returned value could not be understood, but not for a step unlike the others."""
    return finding.where.startswith("returned value") and OTHERWISE not in finding.what


def _named(causes: list[Need]) -> list[Finding]:
    return [need.cause() for need in causes]


def check_length(
    module: nn.Module,
    given: Sample,
    result: FrontendResult,
    seen: Trace,
    step_s: float,
    follow: Callable[..., Trace],
) -> None:
    """Errors: UnsupportedError where another sequence is, or may be, read as another network."""
    if result.style is not Style.TIME_LOOP:
        return
    loop = _Loop(module=module, given=given, result=result, step_s=step_s, follow=follow)
    _check_carried(loop)
    steps = result.steps or 0
    if result.static_input or result.time_axis is None or not steps:
        return  # the number of steps stands in the module
    first = Noted(steps=steps, found=seen.tracer.notes.found)
    noted, why = loop.read(None, [])
    if noted is None and longer(result, given) is not None:
        noted, why = loop.read(_multiple(steps), [])
        if noted is None:
            return  # forward takes no other length, so it is used with this one
    if noted is None:
        _refuse(lone_needs(first), steps, why)
        return
    _check_rests(loop, first, noted)
    last = _check_bounds(loop, first, noted)
    for length in guesses(module, last):
        if loop.read(length, [])[0] is not None:
            break


def _multiple(steps: int) -> int:
    """The next number of steps from 40 on that is a multiple of `steps`."""
    return steps * max(2, -(-40 // steps))


def _check_carried(loop: _Loop) -> None:
    """A number that a call leaves for the next one may begin to matter at any call."""
    sample = shorter(loop.result, loop.given)
    followed = loop.follow(sample, again=True)
    if followed.failure is not None:
        followed = loop.follow(loop.given, again=True)
    if followed.carried:
        raise UnsupportedError(*followed.carried)


def _check_rests(loop: _Loop, first: Noted, noted: Noted) -> None:
    """Lengths of another rest; one that forward does not take is not used either."""
    for need in residues(first, noted):
        if need.reached <= MOST_STEPS:
            loop.read(need.reached, [need])


def _check_bounds(loop: _Loop, before: Noted, now: Noted) -> Noted:
    """Read until no comparison comes nearer to a bound that can be reached; the last trace."""
    never: set[str] = set()  # bounds at lengths that forward does not take
    for _ in range(MOST_ROUNDS):
        found = [need for need in needs(before, now) if need.name not in never]
        far = [need for need in found if need.reached > MOST_STEPS]
        _refuse(far, now.steps, f"more than {MOST_STEPS} steps are not read")
        for need in found:
            if need.exact:
                _read(loop, [need.reached], [need], now.steps)
        for need in sorted(found, key=lambda need: -need.reached):
            most = need.reached
            noted = _read(loop, [most + 2, most + 1, most], found, now.steps)
            if noted is not None:
                before, now = now, noted
                break
            never.add(need.name)
        else:
            return now
    found = [need for need in needs(before, now) if need.name not in never]
    _refuse(found, now.steps, f"{MOST_ROUNDS} longer samples did not reach it")
    return now


def _read(loop: _Loop, lengths: list[int], found: list[Need], seen: int) -> Noted | None:
    """Read the first of `lengths` that forward takes, or a multiple of the sample's; None if none.

    Errors: UnsupportedError where it takes one that cannot be read, or that is read otherwise.
    """
    steps = loop.result.steps or 1
    for length in [*lengths, -(-lengths[0] // steps) * steps]:
        noted, why = loop.read(length, found)
        if noted is not None and not why:
            return noted
        if not why.startswith(FAILS):
            _refuse(found, seen, why)
    return None


def _refuse(found: list[Need], seen: int, why: str) -> None:
    findings = {need.compared.where: need.finding(seen, why) for need in found}
    if findings:
        raise UnsupportedError(*findings.values())
