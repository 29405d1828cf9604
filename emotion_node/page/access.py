"""Who may open the page: checks every request and every WebSocket before anything answers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

COOKIE: Final = 'emotion_node_token'

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class AccessCheck:
    """An ASGI application in front of another one.

    Pages of other sites get nothing: a request or WebSocket whose Origin is another one is
    refused, as is a Host that was not bound (DNS rebinding). Where a token is set, it has to come
    with the address once (`?token=...`), and then in a cookie.

    Args:
        application: what it protects.
        hosts: names under which the page may be asked for; None for any.
        token: the token; None for none.
    """

    def __init__(
        self, application: Application, hosts: tuple[str, ...] | None, token: str | None
    ) -> None:
        self._application = application
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a permitted connection on, and refuse any other one."""
        if scope['type'] not in ('http', 'websocket'):
            await self._application(scope, receive, send)
            return
        headers = {
            name.decode('latin-1').lower(): value.decode('latin-1')
            for name, value in scope['headers']
        }
        problem = self._problem(scope, headers)
        if problem:
            await _refuse(scope, send, problem)
            return
        await self._application(scope, receive, self._with_cookie(scope, send))

    def _problem(self, scope: Scope, headers: dict[str, str]) -> str:
        """Return why a connection is refused; empty when it is not."""
        host = headers.get('host', '')
        if self._hosts is not None and _name(host) not in self._hosts:
            return f'this page is not served under the name {host!r}'
        origin = headers.get('origin')
        if origin is not None and urlsplit(origin).netloc != host:
            return 'another site may not read this page'
        if self._token is None:
            return ''
        given = _query_token(scope) or _cookie_token(headers.get('cookie', ''))
        if hmac.compare_digest(given.encode(), self._token.encode()):
            return ''
        return 'open the address that was printed at the start: it ends in ?token=...'

    def _with_cookie(self, scope: Scope, send: Send) -> Send:
        if self._token is None or scope['type'] != 'http' or not _query_token(scope):
            return send
        cookie = f'{COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict'

        async def send_with_cookie(message: Message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [
                    *message.get('headers', ()),
                    (b'set-cookie', cookie.encode('latin-1')),
                ]
            await send(message)

        return send_with_cookie


def _name(host: str) -> str:
    """Return a host without its port."""
    return (urlsplit(f'//{host}').hostname or '') if host else ''


def _query_token(scope: Scope) -> str:
    query = parse_qs(scope.get('query_string', b'').decode('latin-1'))
    return str(query.get('token', [''])[0])


def _cookie_token(header: str) -> str:
    try:
        cookie = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ''
    return str(cookie.value) if cookie else ''


async def _refuse(scope: Scope, send: Send, problem: str) -> None:
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': 1008, 'reason': problem[:120]})
        return
    await send(
        {
            'type': 'http.response.start',
            'status': 403,
            'headers': [(b'content-type', b'text/plain; charset=utf-8')],
        }
    )
    await send({'type': 'http.response.body', 'body': problem.encode()})
