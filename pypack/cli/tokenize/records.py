"""What `pypack tokenize` makes of records that become texts first: chats, prompts, templates."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import names
from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject

if TYPE_CHECKING:
    from pypack.jobs.record_options import RecordOptions


def _add(group: Group) -> None:
    group.add_argument(
        "--messages", metavar="FIELD", help="the field of a conversation, put into a chat template"
    )
    group.add_argument("--tools", metavar="FIELD", help="the field of its tools")
    group.add_argument(
        "--chat-template", default="tokenizer", metavar="FILE|tokenizer",
        help="the template (default: the tokenizer's own chat_template.jinja or tokenizer_config.json)",
    )  # fmt: skip
    group.add_argument(
        "--chat-option", action="append", default=[], metavar="NAME=VALUE",
        help="what the template finds by name, such as enable_thinking=false; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--chat-date", metavar="YYYY-MM-DD", help="the day for templates that ask for it (default: today)"
    )
    group.add_argument(
        "--learn", choices=("assistant", "last-assistant", "all", "none"), default="assistant",
        help="which tokens of conversations are learned (default: assistant)",
    )  # fmt: skip
    group.add_argument("--prompt-field", metavar="FIELD", help="a text or messages that are not learned")
    group.add_argument(
        "--completion-field", type=names, default=(), metavar="FIELD,...",
        help="what is learned behind the prompt; several, or a list, make a group of documents "
        "(chosen,rejected)",
    )  # fmt: skip
    group.add_argument(
        "--template", metavar="TEXT",
        help='a text with fields in it: "URL: {url|host}\\n\\n{text}"; \\n and \\t are a newline and a tab',
    )  # fmt: skip
    group.add_argument(
        "--mask-template", action="store_true", help="of it, learn the field --field and what ends a document"
    )
    group.add_argument(
        "--weight-field", metavar="FIELD", help="a number: how much the loss of the record counts"
    )


def _values(args: argparse.Namespace) -> dict[str, Any]:
    return {"records": _record_options(args)}


def _record_options(args: argparse.Namespace) -> RecordOptions | None:
    from pypack.jobs.record_options import RecordOptions

    if not (args.messages or args.completion_field or args.template):
        of_chats = args.tools or args.chat_option or args.chat_date
        of_chats = of_chats or args.chat_template != "tokenizer" or args.learn != "assistant"
        if of_chats or args.mask_template or args.prompt_field or args.weight_field:
            raise UsageError(
                "records become texts by --messages, --completion-field or --template: name one of them"
            )
        return None
    template = args.template
    if template is not None:
        template = template.replace("\\n", "\n").replace("\\t", "\t")
    return RecordOptions(
        template=template,
        mask_template=args.mask_template,
        prompt_field=args.prompt_field,
        completion_fields=args.completion_field,
        messages=args.messages,
        tools=args.tools,
        chat_template=args.chat_template,
        learn=args.learn,
        chat_options=dict(map(_chat_option, args.chat_option)),
        chat_date=args.chat_date,
        parse_special_tokens=args.parse_special_tokens,
        weight_field=args.weight_field,
    )


def _chat_option(setting: str) -> tuple[str, Any]:
    name, equals, value = setting.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"--chat-option takes NAME=VALUE, got {setting!r}")
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return name, value


SUBJECT = Subject("records that become texts (chats, prompts, metadata)", _add, _values)
