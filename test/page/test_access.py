"""Who gets an answer from the page, and who does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emotion_node.page.access import COOKIE, AccessCheck, Message, Receive, Scope, Send

TOKEN = 'kept-secret'


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer whatever is asked."""
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.accept'})
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'the page'})


def ask(
    hosts: tuple[str, ...] | None = ('127.0.0.1', 'localhost'),
    token: str | None = None,
    kind: str = 'http',
    query: str = '',
    **headers: str,
) -> list[Message]:
    """Return the answer to a request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        'type': kind,
        'query_string': query.encode(),
        'headers': [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(AccessCheck(_page, hosts, token)(scope, receive, send))
    return sent


def permitted(answer: list[Message]) -> bool:
    return answer[0].get('status') == 200 or answer[0]['type'] == 'websocket.accept'


@pytest.mark.parametrize('kind', ['http', 'websocket'])
def test_this_machine_is_served_and_other_sites_are_not(kind: str) -> None:
    assert permitted(ask(kind=kind, host='127.0.0.1:8440'))
    assert permitted(ask(kind=kind, host='localhost:8440', origin='http://localhost:8440'))
    assert not permitted(ask(kind=kind, host='127.0.0.1:8440', origin='https://evil.example'))
    assert not permitted(ask(kind=kind, host='127.0.0.1:8440', origin='http://127.0.0.1:9999'))
    assert not permitted(ask(kind=kind, host='rebound.example:8440'))
    assert not permitted(ask(kind=kind))


@pytest.mark.parametrize('kind', ['http', 'websocket'])
def test_a_robot_is_served_to_those_who_have_the_token(kind: str) -> None:
    def asked(**what: str) -> bool:
        return permitted(ask(None, TOKEN, kind, host='robot:8440', **what))

    assert asked(query=f'token={TOKEN}')
    assert asked(cookie=f'a=b; {COOKIE}={TOKEN}')
    assert not asked()
    assert not asked(query='token=guessed')
    assert not asked(query='token=')
    assert not asked(cookie=f'{COOKIE}=guessed')
    assert not asked(cookie='\x00;;=')
    assert not asked(query=f'token={TOKEN}', origin='https://evil.example')


def test_the_token_comes_once_in_the_address_and_then_in_a_cookie() -> None:
    answer = ask(None, TOKEN, query=f'token={TOKEN}', host='robot')
    cookies = [value for name, value in answer[0]['headers'] if name == b'set-cookie']
    assert cookies == [f'{COOKIE}={TOKEN}; Path=/; HttpOnly; SameSite=Strict'.encode()]
    again = ask(None, TOKEN, host='robot', cookie=f'{COOKIE}={TOKEN}')
    assert again[0]['headers'] == []


def test_who_is_refused_reads_what_to_do() -> None:
    body = ask(None, TOKEN, host='robot')[1]['body'].decode()
    assert 'open the address that was printed' in body
    assert TOKEN not in body
