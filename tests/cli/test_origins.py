"""Options from the command line, the environment and a configuration: each of every command, and who wins."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpus_files import json_lines, write

from pypack.cli import COMMANDS, main
from pypack.cli.commands import parser_of
from pypack.cli.errors import UsageError
from pypack.cli.origins import parse, unknown_variable, variable, variables_of

# What must be given to each command, so that the rest can be looked at.
_NEEDED = {
    "tokenize": ["in.jsonl", "-o", "out", "--tokenizer", "t.json"],
    "merge": ["job"],
    "pack": ["a.store"],
    "inspect": ["a.store"],
    "verify": ["a.store"],
    "check-tokenizer": ["a"],
    "demo": [],
    "bench": [],
    "convert": ["a", "b", "--to", "flat"],
    "upgrade": ["a.store"],
    "join": ["a.store", "t.parquet", "--on", "id"],
    "dedup": ["a.store"],
    "gc": ["a.store"],
    "completion": ["bash"],
}


def _parsed(command: str, arguments: list[str], environment: dict[str, str] | None = None) -> Any:
    return parse(parser_of(command), command, arguments, environment or {}, COMMANDS)


def _value(action: argparse.Action) -> str:
    """A text that the option takes, and that is not its default."""
    if action.choices:
        return next(str(choice) for choice in action.choices if choice != action.default)
    for text in ("7", "0.5", "a=1", "2026-01-31", "0/2"):
        try:
            value = action.type(text) if callable(action.type) else text
        except argparse.ArgumentTypeError:
            continue
        if value != action.default:
            return text
    raise AssertionError(action)


def _options() -> list[tuple[str, str]]:
    found = []
    for command in COMMANDS:
        for action in parser_of(command).actions:
            names = [name for name in action.option_strings if name.startswith("--")]
            shown = action.help is not argparse.SUPPRESS and action.dest not in ("help", "version")
            if names and shown and action.dest not in (argparse.SUPPRESS, "config"):
                found.append((command, names[0]))
    return found


@pytest.mark.parametrize(("command", "option"), _options())
def test_every_option_by_every_way(command: str, option: str, tmp_path: Path) -> None:
    (action,) = (one for one in parser_of(command).actions if option in one.option_strings)
    needed = list(_NEEDED[command])
    if option in needed or set(action.option_strings) & set(needed):
        at = next(i for i, word in enumerate(needed) if word in action.option_strings)
        del needed[at : at + 2]
    is_switch = action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction)
    turned = f"--no-{option[2:]}" if action.default is True else option
    text = "" if is_switch else _value(action)
    given = _parsed(command, [*needed, turned] if is_switch else [*needed, f"{option}={text}"])
    assert given.origins[action.dest] == "command line"
    value = getattr(given, action.dest)
    assert value != action.default or action.required

    written = str(value).lower() if is_switch else text
    for name in (variable(option[2:]), variable(option[2:], command)):
        by_variable = _parsed(command, needed, {name: written})
        assert str(getattr(by_variable, action.dest)) == str(value)
        assert by_variable.origins[action.dest] == name
    shown = written if is_switch else json.dumps(text)
    for lines in (f"{option[2:]} = {shown}", f"[{command}]\n{option[2:].replace('-', '_')} = {shown}"):
        config = tmp_path / "job.toml"
        config.write_text(lines, encoding="utf-8")
        by_config = _parsed(command, [*needed, "--config", str(config)])
        assert str(getattr(by_config, action.dest)) == str(value)
        assert by_config.origins[action.dest] == str(config)
    # The nearer one wins, and switches can be turned back.
    if is_switch:
        back = option if action.default is True else f"--no-{option[2:]}"
        assert getattr(_parsed(command, [*needed, back, "--config", str(config)]), action.dest) != value
        opposite = str(not value).lower()
        environment = {variable(option[2:]): opposite}
        nearer = _parsed(command, [*needed, "--config", str(config)], environment)
        assert getattr(nearer, action.dest) == (not value)


def test_who_wins(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text(
        'field = "c"\nworkers = 3\n[tokenize]\nworkers = "auto"\nthreads = 5\n[pack]\nalign = 2\n'
    )
    needed = [*_NEEDED["tokenize"], "--config", str(config)]
    args = _parsed("tokenize", needed)
    assert (args.field, args.workers, args.threads) == (["c"], None, 5)
    environment = {"PYPACK_FIELD": "e", "PYPACK_TOKENIZE_THREADS": "6", "PYPACK_THREADS": "7"}
    args = _parsed("tokenize", needed, environment)
    assert (args.field, args.workers, args.threads) == (["e"], None, 6)
    args = _parsed("tokenize", [*needed, "--field", "l", "--threads", "8"], environment)
    assert (args.field, args.threads) == (["l"], 8)
    assert args.origins["field"] == "command line"
    assert args.origins["workers"] == str(config)
    assert args.origins["strict"] == "default"
    assert _parsed("tokenize", needed, {"PYPACK_FIELD": ""}).field == ["c"]  # empty: not set


def test_lists_and_arguments_in_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text(
        'inputs = ["a.jsonl", "b.jsonl"]\noutput = "s"\ntokenizer = "t.json"\nkeep = ["id", "url"]\n'
        'messages = "m"\nchat-option = ["a=1", "b=2"]\npreflight = false\n'
        'max-rejects = "2%"\nappend_eos = true\n'
    )
    args = _parsed("tokenize", ["--config", str(config)])
    assert args.inputs == ["a.jsonl", "b.jsonl"]
    assert (args.output, args.keep, args.chat_option) == (Path("s"), ("id", "url"), ["a=1", "b=2"])
    assert (args.preflight, args.append_eos, args.max_rejects.text) == (False, True, "2%")
    # Given nearer, a list is another list.
    assert _parsed("tokenize", ["c.jsonl", "--config", str(config)]).inputs == ["c.jsonl"]
    nearer = _parsed("tokenize", ["--config", str(config), "--chat-option", "c=3"])
    assert nearer.chat_option == ["c=3"]
    assert _parsed("tokenize", ["--config", str(config)], {"PYPACK_CHAT_OPTION": "x=1\ny=2"}).chat_option == [
        "x=1",
        "y=2",
    ]


def test_of_alternatives_the_nearest_is_taken(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text("batch-tokens = 4096\n")
    args = _parsed("inspect", ["a.yaml", "--config", str(config), "--batch-sequences", "8"])
    assert (args.batch_sequences, args.batch_tokens) == (8, None)
    config.write_text("batch-tokens = 4096\nbatch-sequences = 3\n")
    with pytest.raises(UsageError, match="only one of batch_sequences, batch_tokens"):
        _parsed("inspect", ["a.yaml", "--config", str(config)])
    with pytest.raises(UsageError, match="not allowed with"):
        _parsed("inspect", ["a.yaml", "--batch-tokens", "1", "--batch-sequences", "1"])


def test_a_variable_names_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text("align = 4\n")
    args = _parsed("pack", ["a.store"], {"PYPACK_CONFIG": str(config)})
    assert (args.align, args.origins["align"]) == (4, str(config))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("feild = 'x'", "job.toml: tokenize has no option feild; did you mean field?"),
        ("[tokenise]\nfield = 'x'", "job.toml: [tokenise] is no command; did you mean tokenize?"),
        ("[zzz]\n", "job.toml: [zzz] is no command: tables are named as commands are"),
        ("workers = 'few'", "job.toml: workers: --workers: must be a whole number from 1 on"),
        ("strict = 'yes'", "job.toml: strict: must be true or false, got 'yes'"),
        ("field = true", "job.toml: field: must be text or a number, got True"),
        ("field = [[1]]", "job.toml: field: must be text or a number, got [1]"),
        ("on-error = 'stopp'", "must be one of reject, stop, got 'stopp'; did you mean stop?"),
        ("field = ", "job.toml: not TOML: "),
        ("field = 'a'\nfield = 'b'", "job.toml: not TOML: "),
        ("append-eos = true\nappend_eos = false", "append-eos is given twice"),
        ("config = 'x'", "tokenize has no option config"),
    ],
)
def test_what_a_configuration_may_not_say(text: str, told: str, tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text(text)
    with pytest.raises(UsageError) as error:
        _parsed("tokenize", [*_NEEDED["tokenize"], "--config", str(config)])
    assert told in str(error.value)


def test_configurations_that_are_not_there(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=told):
            _parsed("pack", ["a", "--config", str(path)])
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(UsageError, match="larger than 1 MB"):
        _parsed("pack", ["a", "--config", str(large)])


def test_variables_with_wrong_values(tmp_path: Path) -> None:
    for name, text, told in (
        ("PYPACK_WORKERS", "few", "PYPACK_WORKERS: --workers: must be a whole number"),
        ("PYPACK_STRICT", "perhaps", "PYPACK_STRICT: must be true or false, got 'perhaps'"),
        ("PYPACK_ON_ERROR", "no", "PYPACK_ON_ERROR: --on-error: must be one of reject, stop"),
    ):
        with pytest.raises(UsageError) as error:
            _parsed("tokenize", _NEEDED["tokenize"], {name: text})
        assert told in str(error.value)


def test_variables_that_are_almost_of_an_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = variables_of(parser_of("tokenize"), "tokenize")
    assert unknown_variable({"PYPACK_WORKERS": "1", "PYPACK_DEBUG": "1", "OTHER": "x"}, known) is None
    assert unknown_variable({"PYPACK_MY_OWN_DATA": "x", "PYPACK_WORKRES": ""}, known) is None
    monkeypatch.setenv("PYPACK_WORKRES", "8")
    assert main(["tokenize", "a", "-o", "b", "--tokenizer", "c"]) == 2
    err = capsys.readouterr().err
    assert "PYPACK_WORKRES: no option has this variable; did you mean PYPACK_WORKERS?" in err
    # Those of other commands are none of this one's business.
    monkeypatch.delenv("PYPACK_WORKRES")
    monkeypatch.setenv("PYPACK_DROP_SHORTER_THAN", "8")
    assert main(["completion", "bash", "-q"]) == 0


def test_a_dry_run_says_where_options_come_from(
    tmp_path: Path, tokenizer_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = write(tmp_path / "a.jsonl", json_lines([{"body": f"document {i}"} for i in range(20)]))
    config = tmp_path / "job.toml"
    config.write_text(f'[tokenize]\ntokenizer = "{tokenizer_file}"\noutput = "{tmp_path / "s"}"\n')
    monkeypatch.setenv("PYPACK_FIELD", "body")
    command = ["tokenize", str(lines), "--config", str(config), "--dry-run"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "  field body (from PYPACK_FIELD)" in out
    assert f"  tokenizer {tokenizer_file} (from {config})" in out
    assert main([*command, "--json"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert options["field"] == {"value": ["body"], "from": "PYPACK_FIELD"}
    assert options["dry_run"] == {"value": True, "from": "command line"}
    assert "workers" not in options  # a default
    assert main(command[:-1]) == 0
    assert (tmp_path / "s/store.json").exists()
