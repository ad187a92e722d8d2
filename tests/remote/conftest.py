"""Servers of objects for these tests."""

from fixtures.object_server_fixtures import *  # noqa: F403
