"""The memory of a running stream as a plain dict of arrays, and back.

Every object that a stream steps (levellers, detectors, blinks, gaze, head) keeps its memory in
attributes: numbers, arrays, lists of them, random generators, and other such objects. `capture`
writes them down under dotted names; `restore` puts them into objects built with the same arguments,
and calls `restored()` of those that have it.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError

State = dict[str, NDArray[Any]]


def capture(thing: Any, name: str = "") -> State:
    """The memory of `thing` and of all talkgen objects in its attributes."""
    out: State = {}
    for key, value in _attributes(thing):
        _write(out, f"{name}{key}", value)
    return out


def restore(thing: Any, state: State, name: str = "") -> None:
    """Put what `capture` wrote into `thing`; raise InputError where a name is missing."""
    for key, value in _attributes(thing):
        found = _read(state, f"{name}{key}", value)
        if found is not value:
            setattr(thing, key, found)
    if hasattr(thing, "restored"):  # it has a part that follows from its attributes
        thing.restored()


def _attributes(thing: Any) -> list[tuple[str, Any]]:
    return [(k, v) for k, v in vars(thing).items() if _kept(v)]


def _kept(value: Any) -> bool:
    if isinstance(value, (bool, int, float, np.number, np.ndarray, list, deque)):
        return True
    return isinstance(value, np.random.Generator) or _own(value)


def _own(value: Any) -> bool:
    """Whether it is an object of ours with a memory: settings (frozen) and nets have none."""
    if not type(value).__module__.startswith("talkgen.") or not hasattr(value, "__dict__"):
        return False
    settings = dataclasses.is_dataclass(value) and value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return not settings and not getattr(value, "without_memory", False) and not hasattr(
        value, "state_dict"
    )


def _write(out: State, name: str, value: Any) -> None:
    if isinstance(value, np.random.Generator):
        text = json.dumps(value.bit_generator.state, default=int)
        out[name] = np.frombuffer(text.encode(), np.uint8).copy()
    elif isinstance(value, (list, deque)):
        out[f"{name}.length"] = np.array(len(value))
        for index, item in enumerate(value):
            _write(out, f"{name}.{index}", item)
    elif _own(value):
        out.update(capture(value, f"{name}."))
    else:
        out[name] = np.array(value)


def _read(state: State, name: str, value: Any) -> Any:
    if isinstance(value, (list, deque)):
        count = int(_found(state, f"{name}.length"))
        items = [_plain(_found(state, f"{name}.{index}")) for index in range(count)]
        return items if isinstance(value, list) else deque(items, value.maxlen)
    if isinstance(value, np.random.Generator):
        value.bit_generator.state = json.loads(_found(state, name).tobytes().decode())
        return value
    if _own(value):
        restore(value, state, f"{name}.")
        return value
    found = _found(state, name)
    return found.copy() if isinstance(value, np.ndarray) else _plain(found)


def _found(state: State, name: str) -> NDArray[Any]:
    if name not in state:
        raise InputError(f"`state` holds no {name}; it is of another stream or version of talkgen")
    return state[name]


def _plain(value: NDArray[Any]) -> Any:
    return value.item() if value.ndim == 0 else value.copy()
