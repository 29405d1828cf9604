"""The messages of REP-155 that the node uses, built where `hri_msgs` is not installed.

No wheel holds them. These definitions follow the text of the REP and have the names and types of
`hri_msgs` 2.3, so that bags and other nodes are none the wiser.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEFINITIONS = {
    # The ids that are tracked at present.
    'IdsList': """
        std_msgs/Header header
        string[] ids
        """,
    # Two ids that belong together; a confidence of 0 says that they do not.
    'IdsMatch': """
        int8 UNSET=0
        int8 PERSON=1
        int8 FACE=2
        int8 BODY=3
        int8 VOICE=4
        string id1
        int8 id1_type
        string id2
        int8 id2_type
        float32 confidence
        """,
    # What was recognised: so far, or at last.
    'LiveSpeech': """
        std_msgs/Header header
        string incremental
        string final
        float64 confidence
        string locale
        """,
    # A face's expression by name and on the circumplex.
    'Expression': """
        std_msgs/Header header
        string NEUTRAL="neutral"
        string ANGRY="angry"
        string SAD="sad"
        string HAPPY="happy"
        string SURPRISED="surprised"
        string DISGUSTED="disgusted"
        string SCARED="scared"
        string expression
        float32 valence
        float32 arousal
        float32 confidence
        """,
    # One intensity for each code of FACS from 0 to 98.
    'FacialActionUnits': """
        std_msgs/Header header
        float32[99] intensity
        float32[99] confidence
        """,
    # A region in shares of the image.
    'NormalizedRegionOfInterest2D': """
        std_msgs/Header header
        float32 xmin
        float32 ymin
        float32 xmax
        float32 ymax
        float32 c
        """,
}

_MANIFEST = """<?xml version="1.0"?>
<package format="3">
  <name>hri_msgs</name>
  <version>0.0.0</version>
  <description>For tests: what emotion_node uses of REP-155.</description>
  <maintainer email="maintainers@example.org">emotion_node maintainers</maintainer>
  <license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <depend>std_msgs</depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""

# Messages for rclpy alone: without those for C++, the build takes a third of the time.
_GENERATORS = (
    'rosidl_generator_type_description',
    'rosidl_generator_c',
    'rosidl_typesupport_fastrtps_c',
    'rosidl_typesupport_introspection_c',
    'rosidl_typesupport_c',
    'rosidl_generator_py',
)

_BUILD = f"""cmake_minimum_required(VERSION 3.10)
project(hri_msgs)
find_package(ament_cmake REQUIRED)
find_package(std_msgs REQUIRED)
find_package(rosidl_cmake REQUIRED)
{''.join(f'find_package({name} REQUIRED){chr(10)}' for name in _GENERATORS)}
rosidl_generate_interfaces(hri_msgs
  {' '.join(f'"msg/{name}.msg"' for name in DEFINITIONS)}
  DEPENDENCIES std_msgs)
ament_package()
"""


@contextmanager
def hri_messages(cache: Path) -> Iterator[None]:
    """Make `hri_msgs` importable, and take it away again: other tests run without it.

    Skips where it can neither be found nor built.

    Args:
        cache: folder in which the build is kept for the next run.
    """
    if importlib.util.find_spec('hri_msgs') is not None:
        yield
        return
    with (cache / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, one builds
        prefix = build(cache)
    packages = str(next(prefix.glob('lib/python*/site-packages')))
    sys.path.insert(0, packages)
    # The middleware finds the type support in here, and the libraries each other by their names.
    old = os.environ.get('LD_LIBRARY_PATH', '')
    os.environ['LD_LIBRARY_PATH'] = os.pathsep.join((str(prefix / 'lib'), old))
    for name in ('rosidl_generator_c', 'rosidl_typesupport_c', 'rosidl_generator_py'):
        ctypes.CDLL(str(prefix / 'lib' / f'libhri_msgs__{name}.so'), ctypes.RTLD_GLOBAL)
    for library in sorted((prefix / 'lib').glob('libhri_msgs__rosidl_typesupport_*.so')):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    try:
        yield
    finally:
        sys.path.remove(packages)
        os.environ['LD_LIBRARY_PATH'] = old
        for name in [one for one in sys.modules if one.split('.')[0] == 'hri_msgs']:
            del sys.modules[name]
        importlib.invalidate_caches()


def build(cache: Path) -> Path:
    """Build the messages, unless the cache has them; return where they are installed."""
    text = repr((DEFINITIONS, _MANIFEST, _BUILD, sys.version, sys.prefix))
    folder = cache / hashlib.sha256(text.encode()).hexdigest()[:16]
    prefix = folder / 'install'
    if (folder / 'built').exists():
        return prefix
    source = folder / 'hri_msgs'
    (source / 'msg').mkdir(parents=True, exist_ok=True)
    (source / 'package.xml').write_text(_MANIFEST)
    (source / 'CMakeLists.txt').write_text(_BUILD)
    for name, definition in DEFINITIONS.items():
        lines = [line.strip() for line in definition.strip().splitlines()]
        (source / 'msg' / f'{name}.msg').write_text('\n'.join(lines) + '\n')
    command = (
        sys.executable, '-m', 'colcon', '--log-base', 'log', 'build', '--base-paths', 'hri_msgs',
        '--merge-install', '--cmake-args', '-DBUILD_TESTING=OFF', '-DCMAKE_C_FLAGS=-O0',
        '-DCMAKE_CXX_FLAGS=-O0', f'-DPython3_EXECUTABLE={sys.executable}',
    )  # fmt: skip
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ['PATH']))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, 'PATH': path}, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-3:]
        pytest.skip(f'hri_msgs is not installed and cannot be built: {" ".join(last)}')
    (folder / 'built').touch()
    return prefix
