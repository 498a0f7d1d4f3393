"""Serves the API: `python -m api --host 127.0.0.1 --port 8000`.

Behind a proxy that ends TLS. Slow peers, and those with many connections, are bounded here
(`api.http.connections`). Logs are JSON lines on standard error.
"""

import argparse

import uvicorn

from api.http.connections import served_with


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args()
    uvicorn.run(
        "api.serving:app",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        server_header=False,
        # Our own line has the correlation id, and no query: a link's token would stand in it.
        access_log=False,
        log_config=None,
        # Only a proxy whose address is named may say who the client is (FORWARDED_ALLOW_IPS).
        proxy_headers=True,
        ws="none",
        **served_with(),
    )


if __name__ == "__main__":
    main()
