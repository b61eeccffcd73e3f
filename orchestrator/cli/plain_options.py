"""Options that are texts already or plain numbers, and those that nobody gave, need no pydantic: importing it and
building its adapters takes a third of the time of a verb that only shows something. All else, and what is wrong, goes
its usual way.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

_NUMBER = re.compile("0|[1-9][0-9]{0,14}")


def spare_pydantic(command: Any) -> None:
    """Let the parameters of a command, and of all commands below it, take plain values as they are.

    `process_value` is click's way from what was typed to what the function gets; Typer's version of it makes pydantic
    look at every value, None included.
    """
    for parameter in command.params:
        _spare(parameter)
    command.get_help_option = partial(_help_option, command.get_help_option)
    for below in getattr(command, "commands", {}).values():
        spare_pydantic(below)


def _help_option(usual: Callable[[Any], Any], context: Any) -> Any:
    """--help is made while the command line is read."""
    option = usual(context)
    if option is not None:
        _spare(option)
    return option


def _spare(parameter: Any) -> None:
    if not parameter.required and not isinstance(parameter.process_value, partial):
        parameter.process_value = partial(_process, parameter, parameter.process_value)


def _process(parameter: Any, usual: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    several = parameter.multiple or parameter.nargs != 1
    descriptor: Any = getattr(parameter, "type_descriptor", None)
    annotation = getattr(descriptor, "annotation", None)
    if value is None:
        value = () if several else None
    elif annotation == list[str] and isinstance(value, tuple | list) and all(type(one) is str for one in value):
        value = list(value)
    elif annotation is int and not several and (number := _number(descriptor.parameter_info, value)) is not None:
        value = number
    elif annotation is not str or type(value) is not str or several:
        return usual(context, value)
    return value if parameter.callback is None else parameter.callback(context, parameter, value)


def _number(wanted: Any, value: Any) -> int | None:
    """The number that it plainly is, within the limits of the option."""
    if wanted.parser is not None or not _NUMBER.fullmatch(str(value)):
        return None
    number = int(value)
    low, high = wanted.min, wanted.max
    return number if (low is None or number >= low) and (high is None or number <= high) else None
