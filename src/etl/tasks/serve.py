"""Prefect's built-in server as a process that ends with the one that started it.

What Prefect does for a client that has no server, done beside the client's imports and without
importing the server there. Says "url …" on standard output once it answers, or "none" where
Prefect's settings name another server; ends when its standard input does.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time

import uvicorn
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_ENABLED

_LAST_SECONDS = 5.0


def main() -> None:
    """Serve until standard input ends."""
    if PREFECT_API_URL.value() or not PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        print("none", flush=True)
        return
    gc.disable()  # until it answers: what a start makes stays, and is not searched for garbage
    # As prefect.server.api.server.SubprocessASGIServer has it.
    os.environ |= {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    listener = listen()
    server = uvicorn.Server(
        uvicorn.Config(
            "prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on"
        )
    )
    threading.Thread(target=_announce, args=(server, listener), daemon=True).start()
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def listen() -> socket.socket:
    """A socket on a free port of this machine; what asyncio answers there goes out at once.

    asyncio sets TCP_NODELAY only where the protocol is named. Without it each answer but a
    connection's first waits for the client's acknowledgement: 40 ms.
    """
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def _announce(server: uvicorn.Server, listener: socket.socket) -> None:
    while not server.started:
        time.sleep(0.02)
    gc.freeze()  # or Python's end would walk through all of it several times: a second
    gc.enable()
    print(f"url http://127.0.0.1:{listener.getsockname()[1]}/api", flush=True)


def _end_with_input(server: uvicorn.Server) -> None:
    while os.read(0, 1):
        pass
    server.should_exit = True
    time.sleep(_LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules have common names
    main()
