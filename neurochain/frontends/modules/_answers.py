"""Running a module whose encoder is answered: it returns given spikes, whatever it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from neurochain.errors import InputError
from neurochain.frontends.modules._encoders import COMPARISONS, DRAWN, DRAWS
from neurochain.frontends.modules._functions import name_of
from neurochain.frontends.modules._spikegen import SPIKEGEN, replaced
from neurochain.frontends.result import EncoderFact

__all__ = ["answered"]

_DRAWN_MARK = "_neurochain_drawn"


class _Answers:
    """Spikes, one tensor a call of the encoder."""

    def __init__(self, fact: EncoderFact, spikes: Sequence[torch.Tensor]) -> None:
        self.fact = fact
        self.spikes = spikes
        self.used = 0

    def next(self) -> torch.Tensor:
        if self.used == len(self.spikes):
            raise InputError(
                f"module: {self.fact.where} is called more than {self.used} times. Give x the "
                "number of steps that forward makes."
            )
        self.used += 1
        return self.spikes[self.used - 1].clone()


class _Mode(TorchFunctionMode):
    """Answers torch's own functions: draws by name, comparisons by what was drawn."""

    def __init__(self, answers: _Answers) -> None:
        super().__init__()
        self.answers = answers
        self.function = answers.fact.function

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = name_of(func)
        chance = any(hasattr(item, _DRAWN_MARK) for item in args)
        if self.function == "compare" and chance and name in COMPARISONS:
            return self.answers.next().to(torch.bool)
        if name in DRAWN and name.rstrip("_") == self.function:
            spikes = self.answers.next()
            return args[0].copy_(spikes) if name.endswith("_") else spikes
        result = func(*args, **kwargs)
        if isinstance(result, torch.Tensor) and (name in DRAWS or chance):
            setattr(result, _DRAWN_MARK, True)
        return result


@contextmanager
def answered(fact: EncoderFact | None, spikes: Sequence[torch.Tensor]) -> Iterator[None]:
    """Inside, the encoder returns `spikes`, a tensor a call. Without an encoder nothing changes."""
    if fact is None:
        yield
        return
    answers = _Answers(fact, spikes)
    if fact.function not in SPIKEGEN:
        with _Mode(answers):
            yield
        return

    def hook(name: str, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return answers.next() if name == fact.function else original(*args, **kwargs)

    with replaced(hook):
        yield
