"""How is the gateway served? `python -m gateway.serve`: uvicorn with the flags that belong to the product.

uvicorn with uvloop and httptools was the fastest server that also answers 401 before the body has come, holds back when
a caller reads slowly, lets streams finish at SIGTERM, and starts a worker again that was killed; tests/gateway/
test_server.py holds it to that whenever the dependency changes.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import uvicorn

WORKER_S = 30  # a worker that says nothing for so long hangs; a new one has as long to start
LAST_WORDS_S = 10  # after the requests have had their grace (gateway/drain.py): for pages, and for the last bytes
KEEP_ALIVE_S = 75  # longer than load balancers keep an unused connection, so that they close it, not we
BACKLOG = 4096


def options(*, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> dict[str, Any]:
    """uvicorn's own, all of them."""
    return {
        "app": "gateway.asgi:application",
        "host": host,
        "port": port,
        "workers": workers,
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "on",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "date_header": False,
        "proxy_headers": False,  # what a proxy may say of the caller is Django's to believe, by TRUST_PROXY
        "backlog": BACKLOG,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": LAST_WORDS_S,
        "timeout_worker_healthcheck": WORKER_S,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.serve", description="Serve the gateway.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--workers", type=int, default=1)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    uvicorn.run(**options(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
