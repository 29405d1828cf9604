"""A headless Chromium, steered by the Chrome DevTools Protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

_START_S = 20.0
_POLL_S = 0.05


class Browser:
    """One open page.

    Args:
        connection: to the page's debugger.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({'id': number, 'method': method, 'params': parameters}))
        while True:
            answer = json.loads(self._connection.recv(_START_S))
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                result: dict[str, Any] = answer['result']
                return result

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in JavaScript."""
        result = self.call('Runtime.evaluate', expression=script, returnByValue=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def open(
        self, address: str, width: int = 1400, height: int = 1000, dark: bool = False
    ) -> None:
        """Load an address in a window of this width, in the light or the dark mode."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=1000,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self.call('Emulation.setEmulatedMedia', features=[scheme])
        self.call('Page.navigate', url=address)

    def wait_for(self, script: str, timeout_s: float = _START_S) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + timeout_s
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, (script, self.text())
            time.sleep(_POLL_S)
        return value

    def text(self) -> str:
        """Return the text of the page, as it is shown."""
        return str(self.evaluate('document.body.innerText'))

    def screenshot(self, path: Path) -> None:
        """Write what is shown to a PNG file."""
        data = self.call('Page.captureScreenshot', format='png')['data']
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser during the block; the test is skipped where Chromium is not installed."""
    program = shutil.which('chromium') or shutil.which('google-chrome')
    if program is None:
        pytest.skip('Chromium is not installed')
    process = subprocess.Popen(
        [
            program,
            *('--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0'),
            *('--disable-background-networking', f'--user-data-dir={folder}', 'about:blank'),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _wait(lambda: (folder / 'DevToolsActivePort').read_text().split()[0])
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/json') as answer:
            pages = json.load(answer)
        address = next(one for one in pages if one['type'] == 'page')['webSocketDebuggerUrl']
        with connect(address, max_size=None) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait()


def _wait(read: Callable[[], str]) -> str:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return read()
        except (FileNotFoundError, IndexError):
            assert time.monotonic() < deadline
            time.sleep(_POLL_S)
