"""Message packages that no wheel holds, built for tests from definitions of our own making."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

# Messages for rclpy alone: without those for C++, the build takes a third of the time.
_GENERATORS = (
    'rosidl_generator_type_description',
    'rosidl_generator_c',
    'rosidl_typesupport_fastrtps_c',
    'rosidl_typesupport_introspection_c',
    'rosidl_typesupport_c',
    'rosidl_generator_py',
)


@dataclass(frozen=True, slots=True)
class MessagePackage:
    """A package of messages.

    Attributes:
        name: of the package.
        depends: the one package of messages that it uses.
        definitions: the text of each message by its name.
    """

    name: str
    depends: str
    definitions: Mapping[str, str]

    @property
    def manifest(self) -> str:
        return f"""<?xml version="1.0"?>
<package format="3">
  <name>{self.name}</name>
  <version>0.0.0</version>
  <description>For tests: what emotion_node uses of {self.name}.</description>
  <maintainer email="maintainers@example.org">emotion_node maintainers</maintainer>
  <license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <depend>{self.depends}</depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""

    @property
    def build(self) -> str:
        generators = ''.join(f'find_package({name} REQUIRED)\n' for name in _GENERATORS)
        messages = ' '.join(f'"msg/{name}.msg"' for name in self.definitions)
        return f"""cmake_minimum_required(VERSION 3.10)
project({self.name})
find_package(ament_cmake REQUIRED)
find_package({self.depends} REQUIRED)
find_package(rosidl_cmake REQUIRED)
{generators}
rosidl_generate_interfaces({self.name}
  {messages}
  DEPENDENCIES {self.depends})
ament_package()
"""


@contextmanager
def importable(package: MessagePackage, cache: Path) -> Iterator[None]:
    """Make a package importable, and take it away again: other tests run without it.

    Skips where it can neither be found nor built.

    Args:
        package: what is built where it is not installed.
        cache: folder in which the build is kept for the next run.
    """
    if importlib.util.find_spec(package.name) is not None:
        yield
        return
    with (cache / f'{package.name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, one builds
        prefix = build(package, cache)
    packages = str(next(prefix.glob('lib/python*/site-packages')))
    sys.path.insert(0, packages)
    # The middleware finds the type support in here, and the libraries each other by their names.
    old = os.environ.get('LD_LIBRARY_PATH', '')
    os.environ['LD_LIBRARY_PATH'] = os.pathsep.join((str(prefix / 'lib'), old))
    for name in ('rosidl_generator_c', 'rosidl_typesupport_c', 'rosidl_generator_py'):
        ctypes.CDLL(str(prefix / 'lib' / f'lib{package.name}__{name}.so'), ctypes.RTLD_GLOBAL)
    for library in sorted((prefix / 'lib').glob(f'lib{package.name}__rosidl_typesupport_*.so')):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    try:
        yield
    finally:
        sys.path.remove(packages)
        os.environ['LD_LIBRARY_PATH'] = old
        for name in [one for one in sys.modules if one.split('.')[0] == package.name]:
            del sys.modules[name]
        importlib.invalidate_caches()


def build(package: MessagePackage, cache: Path) -> Path:
    """Build the messages, unless the cache has them; return where they are installed."""
    text = repr((package, package.manifest, package.build, sys.version, sys.prefix))
    folder = cache / hashlib.sha256(text.encode()).hexdigest()[:16]
    prefix = folder / 'install'
    if (folder / 'built').exists():
        return prefix
    source = folder / package.name
    (source / 'msg').mkdir(parents=True, exist_ok=True)
    (source / 'package.xml').write_text(package.manifest)
    (source / 'CMakeLists.txt').write_text(package.build)
    for name, definition in package.definitions.items():
        lines = [line.strip() for line in definition.strip().splitlines()]
        (source / 'msg' / f'{name}.msg').write_text('\n'.join(lines) + '\n')
    command = (
        sys.executable, '-m', 'colcon', '--log-base', 'log', 'build', '--base-paths', package.name,
        '--merge-install', '--cmake-args', '-DBUILD_TESTING=OFF', '-DCMAKE_C_FLAGS=-O0',
        '-DCMAKE_CXX_FLAGS=-O0', f'-DPython3_EXECUTABLE={sys.executable}',
    )  # fmt: skip
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ['PATH']))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, 'PATH': path}, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-3:]
        pytest.skip(f'{package.name} is not installed and cannot be built: {" ".join(last)}')
    (folder / 'built').touch()
    return prefix
