"""The reference pages, made from the command line and the study specification while the site is built."""

import inspect
import re
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel
from typer.main import get_command

from search.cli.app import app
from spaces.study_spec import StudySpec

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

_ATTRIBUTE = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", re.MULTILINE)


class UndescribedError(Exception):
    """A command, an option or a key has no description."""


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the generated pages to the site's files (a hook of mkdocs)."""
    from mkdocs.structure.files import File  # here, so that the pages are tested without the extra

    files.append(File.generated(config, "reference/commands.md", content=commands_page(app)))
    files.append(File.generated(config, "reference/spec-keys.md", content=keys_page(StudySpec)))
    return files


def commands_page(commands: typer.Typer) -> str:
    """Return every command with its arguments and options as Markdown.

    Raises:
        UndescribedError: a command or an option has no help.
    """
    lines = ["# Commands", "", "Each is called as `python -m search COMMAND`.", ""]
    for name, command in _leaves(get_command(commands), ()):
        if not command.help:
            raise UndescribedError(f"command {name} has no description; give its function a docstring.")
        lines += [f"## {name}", "", command.help, "", "| parameter | default | meaning |", "|---|---|---|"]
        lines += [_parameter_row(name, parameter) for parameter in command.params if parameter.name != "help"]
        lines.append("")
    return "\n".join(lines)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, inner in command.commands.items():
        yield from _leaves(inner, (*path, name))


def _parameter_row(command: str, parameter: Any) -> str:
    meaning = getattr(parameter, "help", None)
    if not meaning:
        raise UndescribedError(f"{command}: {parameter.name} has no description; give it a help text.")
    shown = ", ".join(f"`{name}`" for name in parameter.opts)
    default = "required" if parameter.required else _as_cell(parameter.default)
    return f"| {shown} | {default} | {_escaped(meaning)} |"


def keys_page(spec: type[BaseModel]) -> str:
    """Return every key of a study file as Markdown.

    Raises:
        UndescribedError: the docstring of a section leaves a key out.
    """
    lines = ["# Keys of a study file", "", "Rules and examples: [study files](../study-file.md).", ""]
    for path, section in _sections(spec, ""):
        described = _descriptions(section)
        lines += [f"## {path or 'top level'}", "", inspect.getdoc(section).split("\n\n")[0].replace("\n", " "), ""]
        lines += ["| key | default | meaning |", "|---|---|---|"]
        for name, field in section.model_fields.items():
            if name not in described:
                raise UndescribedError(f"{path or 'top level'}: key {name} is not in {section.__name__}'s Attributes.")
            default = "required" if field.is_required() else _as_cell(field.get_default(call_default_factory=True))
            lines.append(f"| `{name}` | {default} | {_escaped(described[name])} |")
        lines.append("")
    return "\n".join(lines)


def _sections(section: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, section
    for name, field in section.model_fields.items():
        for inner in _models(field.annotation):
            yield from _sections(inner, f"{path}.{name}" if path else name)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _descriptions(section: type[BaseModel]) -> dict[str, str]:
    _, _, attributes = (inspect.getdoc(section) or "").partition("Attributes:\n")
    return {
        name: " ".join(text.split()) for names, text in _ATTRIBUTE.findall(attributes) for name in names.split(", ")
    }


def _as_cell(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, BaseModel) or (isinstance(value, tuple) and value and isinstance(value[0], BaseModel)):
        return "see below"
    return f"`{_escaped(str(list(value) if isinstance(value, tuple) else value))}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
