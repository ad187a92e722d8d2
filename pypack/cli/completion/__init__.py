"""`pypack completion`: what lets a shell complete commands, options and their values."""

from __future__ import annotations

import argparse

SUMMARY = "let bash, zsh or fish complete commands and options"

_DESCRIPTION = """\
Prints a script for a shell. It holds all names itself, so that the shell answers at once and starts nothing.
"""
_EPILOG = """\
examples:
  eval "$(pypack completion bash)"                                     in ~/.bashrc, or once:
  pypack completion bash > ~/.local/share/bash-completion/completions/pypack
  eval "$(pypack completion zsh)"                                      in ~/.zshrc, behind compinit
  pypack completion fish > ~/.config/fish/completions/pypack.fish
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack completion`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(args: argparse.Namespace) -> int:
    """Prints the script; returns the exit status."""
    from importlib import import_module

    from pypack.cli.completion.names import all_commands

    print(import_module(f"pypack.cli.completion.{args.shell}").script(all_commands()), end="")
    return 0
