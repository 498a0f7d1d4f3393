"""What a server process runs: the application, with its log lines as JSON."""

from __future__ import annotations

from fastapi import FastAPI

from api.app import create_app
from campaigns import logs


def app() -> FastAPI:
    made = create_app()
    logs.install()
    return made
