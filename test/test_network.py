"""Nothing leaves this machine: no process looks up a host, connects to one or writes a profile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from support.recordings import noise, write_media

COMMANDS = {
    'annotate': ['-m', 'emotion_node', 'annotate', '{out}/talk.wav', '-o', '{out}/out.jsonl'],
    'models': ['-m', 'emotion_node', 'models', 'verify'],
    'laboratory': ['-c', 'import emotion_lab.evaluation.text, onnxruntime, time; time.sleep(3)'],
    'view': ['-m', 'emotion_node', 'view', '--timeout', '1'],
    'page': ['-m', 'emotion_node', 'view', '--web', '--port', '0'],
    'node': ['-m', 'emotion_node.ros.node'],
}
RUN_S = {'node': 12.0, 'page': 5.0}
"""How long those run that would not end. The telemetry of onnxruntime, which the page has no use
for, would call home within 4 s."""
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
PORT = re.compile(r'sin6?_port=htons\((\d+)\)')


def addresses_called(trace: str) -> set[tuple[str, int]]:
    """Return the internet addresses and ports in the system calls that strace wrote down."""
    found = set()
    for line in trace.splitlines():
        port = PORT.search(line)
        for address in ADDRESS.findall(line):
            found.add((address[0] or address[1], int(port[1]) if port else 0))
    return found


def open_page(process: subprocess.Popen[str]) -> None:
    """Load the page with all that it refers to, and see that no other address answers."""
    assert process.stdout is not None
    address = next(line for line in process.stdout if line.startswith('page: ')).split()[1]
    with urllib.request.urlopen(address) as answer:
        text = answer.read().decode()
    parts = set(re.findall(r'(?:src|href)="([^"#]+)"', text))
    assert len(parts) > 3
    for part in parts:
        whole = urllib.parse.urljoin(address, part)
        assert whole.startswith(address), 'everything comes from this machine'
        with urllib.request.urlopen(whole) as answer:
            assert answer.status == 200
    port = urllib.parse.urlsplit(address).port
    for other in own_addresses():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, port), timeout=5.0)


def own_addresses() -> list[str]:
    return subprocess.run(['hostname', '-I'], capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize('name', COMMANDS)
def test_no_process_calls_anybody_or_writes_outside_its_places(name: str, tmp_path: Path) -> None:
    strace = shutil.which('strace')
    if strace is None:
        pytest.skip('strace is not installed (apt-get install strace)')
    home, trace = tmp_path / 'home', tmp_path / 'trace'
    home.mkdir()
    write_media(tmp_path / 'talk.wav', noise(1.0))
    # CI hides the telemetry of onnxruntime.
    hidden = ('CI', 'ORT_DISABLE_TELEMETRY', 'HF_HUB_DISABLE_TELEMETRY', 'XDG_CACHE_HOME')
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    process = subprocess.Popen(
        [
            *(
                strace,
                '-f',
                '-qq',
                '-e',
                'trace=connect,sendto,sendmsg,sendmmsg',
                '-o',
                str(trace),
            ),
            sys.executable,
            *(part.format(out=tmp_path) for part in COMMANDS[name]),
        ],
        env=environment | {'HOME': str(home)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if name == 'page':
            open_page(process)
        process.communicate(timeout=RUN_S.get(name, 120.0))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)  # strace and what it watches
        process.communicate(timeout=30)
    # 239.255.0.1 is DDS discovery.
    local = {'0.0.0.0', '127.0.0.1', '239.255.0.1', '::1', *own_addresses()}
    called = addresses_called(trace.read_text(errors='replace'))
    assert {one for one in called if one[0] not in local or one[1] == 53} == set()
    written = [path.relative_to(home) for path in home.rglob('*') if path.is_file()]
    assert [path for path in written if path.parts[:2] != ('.ros', 'log')] == []
