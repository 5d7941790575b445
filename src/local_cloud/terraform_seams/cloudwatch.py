"""Alarms are kept and described. Nothing evaluates them, and so none is OK or in ALARM."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import Alarm

STATE = "INSUFFICIENT_DATA"
_REASON = "The embedded cloud keeps alarms, and does not evaluate them."


def install() -> None:
    """Have alarms begin, and stay, without an opinion; moto's begin as OK."""
    make = Alarm.__init__

    def make_unevaluated(alarm: Any, *args: Any, **kwargs: Any) -> None:
        make(alarm, *args, **kwargs)
        alarm.state_value, alarm.state_reason = STATE, _REASON

    setattr(Alarm, make.__name__, make_unevaluated)
