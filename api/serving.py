"""What a server process runs: the application, with its log lines as the settings say."""

from fastapi import FastAPI

from api.app import create_app
from campaigns import logs
from campaigns.settings import get_settings


def app() -> FastAPI:
    made = create_app()
    if get_settings().logs == "json":
        logs.install()
    return made
