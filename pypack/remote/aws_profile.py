"""Keys, region and endpoint of AWS that stand in the files of a profile, as its own tools have them."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

# name in the files → option of the library
_OPTIONS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
_KEY_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def profile_options() -> dict[str, str]:
    """What the profile (AWS_PROFILE, or `default`) says, where no variable says it.

    Keys are taken only where no variable gives any; variables of the region and the endpoint go before what
    stands in the files. Nothing of it is kept.
    """
    profile = os.environ.get("AWS_PROFILE", "default")
    found: dict[str, str] = {}
    for variable, usual, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", profile if profile == "default" else f"profile {profile}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(Path(os.environ.get(variable, usual)).expanduser(), encoding="utf-8")
        except (configparser.Error, OSError, ValueError):
            continue  # of another tool, and none of ours to mend
        if parser.has_section(section):
            found |= {_OPTIONS[name]: value for name, value in parser.items(section) if name in _OPTIONS}
    if any(os.environ.get(name) for name in _KEY_VARIABLES):
        for option in ("access_key_id", "secret_access_key", "session_token"):
            found.pop(option, None)
    if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        found.pop("region", None)
    return found
