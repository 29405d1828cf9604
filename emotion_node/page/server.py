"""Serves the page in a thread of its own."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from fastapi import FastAPI, Response
from nicegui import ui

from emotion_node.display.live_state import LiveState
from emotion_node.errors import UserError
from emotion_node.page.access import AccessCheck
from emotion_node.page.frames import FrameSource
from emotion_node.page.page import Page

DEFAULT_PORT: Final = 8440
_PORTS_TRIED: Final = 10
_LOCAL: Final = ('127.0.0.1', 'localhost', '::1')
_STOP_S: Final = 3.0


class PageServer:
    """Serves the page until it is stopped.

    Args:
        title: heading of the page.
        state: what it shows.
        camera: source of frames.
        host: address to bind. Beyond this machine, the page has a token.
        port: port; the next free one when None.

    Attributes:
        address: of the page, with its token.

    Raises:
        UserError: the address cannot be bound.
    """

    def __init__(
        self, title: str, state: LiveState, camera: FrameSource, host: str, port: int | None
    ) -> None:
        local = host in _LOCAL
        token = None if local else secrets.token_urlsafe(16)
        self._socket = _bind(host, port)
        bound = self._socket.getsockname()[1]
        shown = socket.gethostname() if host in ('0.0.0.0', '::') else host
        shown = f'[{shown}]' if ':' in shown else shown
        self.address = f'http://{shown}:{bound}/' + (f'?token={token}' if token else '')
        application = _application(title, state, camera)
        checked = AccessCheck(application, _LOCAL if local else None, token)
        self._server = uvicorn.Server(
            uvicorn.Config(
                checked,
                log_level='error',
                lifespan='on',
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name='page', daemon=True
        )

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End; open pages say that the connection is lost."""
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._socket.close()


def _bind(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    ports = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED)
    problem = ''
    for number in ports:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, number))
            one.listen()
        except OSError as error:
            one.close()
            problem = f'{host} port {number}: {error.strerror or error}'
        else:
            return one
    raise UserError(f'the page cannot be served on {problem}; choose others by --host and --port')


def _application(title: str, state: LiveState, camera: FrameSource) -> FastAPI:
    fast = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages = _Count(camera.watch)

    @fast.get('/frame/{number}')
    def frame(number: int) -> Response:
        encoded = camera.encoded()
        if encoded is None:
            return Response(status_code=404)
        headers = {'Cache-Control': 'no-store'}
        return Response(encoded.data, media_type=encoded.media_type, headers=headers)

    @ui.page('/', title=title)
    def page() -> None:
        pages.add(1)
        ui.context.client.on_delete(lambda: pages.add(-1))
        Page(title, state, camera.newest)

    ui.run_with(fast, title=title, show_welcome_message=False, tailwind=False)
    return fast


class _Count:
    """How many pages are open.

    Args:
        watch: called with whether any is, when that changes.
    """

    def __init__(self, watch: Callable[[bool], None]) -> None:
        self._watch = watch
        self._open = 0

    def add(self, change: int) -> None:
        before = self._open > 0
        self._open += change
        if (self._open > 0) != before:
            self._watch(self._open > 0)
