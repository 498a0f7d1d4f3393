"""What the fork server makes ready for the runs that are forked from it."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def after_sharing(program: str) -> str:
    program = f"""
        import ssl, httpx
        from prefect.client.orchestration import SyncPrefectClient
        from deployments.warm.server import share_certificates

        made, read = [], ssl.SSLContext.load_verify_locations

        def reads(self, cafile=None, *more, **named):
            made.append(cafile)
            return read(self, cafile, *more, **named)

        ssl.SSLContext.load_verify_locations = reads
        share_certificates()
        {program}
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_clients_of_a_run_read_the_certificates_once() -> None:
    several = "[httpx.Client(), httpx.AsyncClient(), SyncPrefectClient('http://127.0.0.1:1/api')]; print(len(made))"

    assert after_sharing(several) == "1"


def test_whoever_asks_for_a_context_without_naming_a_file_has_one_of_its_own() -> None:
    loose = (
        "mine = ssl.create_default_context(); mine.check_hostname = False; mine.verify_mode = ssl.CERT_NONE;"
        " print(ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED,"
        " httpx.create_ssl_context().check_hostname)"
    )

    assert after_sharing(loose) == "True True"


def test_no_run_builds_what_the_fork_server_has_built() -> None:
    program = """
        import sys
        from deployments.warm import server
        from campaigns.rules.text.phrases import PHRASE_LANGUAGES, phrase_book

        def built():
            books = phrase_book.cache_info().currsize == len(PHRASE_LANGUAGES)
            models = {model.__pydantic_complete__ for model in server._BUILT_LATE}
            return books, "tldextract" in sys.modules, models

        before = built()
        server.build_ahead()
        print(before, built())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert told == f"{(False, False, {False})} {(True, True, {True})}"


def test_a_run_opens_no_web_socket_to_hear_that_it_is_suspended() -> None:
    program = """
        import threading
        from uuid import uuid4
        from prefect import flow_engine
        from deployments.warm.server import watch_for_orders_alone

        watch_for_orders_alone()
        with flow_engine.observe_flow_run_suspension(uuid4(), None):
            print(threading.active_count())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "1"
