"""The commands there are, and the parser of each."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from pypack.cli import common
from pypack.cli.parser import Parser
from pypack.cli.subject import add_subjects

COMMANDS = (
    "tokenize",
    "merge",
    "pack",
    "inspect",
    "verify",
    "check-tokenizer",
    "demo",
    "bench",
    "convert",
    "upgrade",
    "gc",
    "join",
    "dedup",
    "completion",
)
# Of what these print, the output is all there is.
SHOWING = ("inspect", "check-tokenizer", "bench", "completion")

DESCRIPTION = """\
Turns text into full training batches:

  text files  --pypack tokenize-->  token store  --pypack pack-->  plan  --pypack.Loader-->  batches
"""
EPILOG = """\
pypack COMMAND --help explains a command, with examples.

Options may also be written in a file (--config job.toml) and in variables (PYPACK_WORKERS=8).
eval "$(pypack completion bash)" lets the shell complete them; zsh and fish likewise.

Exit status: 0 all well, 1 the job or a check failed, 2 it could not begin as asked, 130 interrupted,
143 terminated.
PYPACK_DEBUG=1 in the environment shows where an error came from.
"""


def module_of(command: str) -> ModuleType:
    """The module of a command: SUMMARY, configure(parser) and run(args)."""
    return import_module(f"pypack.cli.{command.replace('-', '_')}")


def parser_of(command: str) -> Parser:
    """The parser of a command, with all its options."""
    parser = Parser(f"pypack {command}")
    module_of(command).configure(parser)
    add_subjects(parser, [common.SUBJECT])
    return parser.complete()


def top_help() -> str:
    """`pypack --help`."""
    parser = Parser("pypack", usage="pypack COMMAND [OPTIONS]", description=DESCRIPTION, epilog=EPILOG)
    common.add_version(parser)
    width = max(map(len, COMMANDS)) + 2
    lines = (f"  {name:{width}} {module_of(name).SUMMARY}" for name in COMMANDS)
    return parser.format_help().replace("\noptions:\n", "\ncommands:\n" + "\n".join(lines) + "\n\noptions:\n")
