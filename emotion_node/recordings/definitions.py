"""Message definitions for reading and writing bags without ROS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat
from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from emotion_node.errors import UserError
from emotion_node.messages import foxglove_types

_IDL_SEPARATOR = '=' * 80 + '\n'
_CHECKOUT = Path(__file__).resolve().parents[2]


class DefinitionError(UserError):
    """A message definition is missing or cannot be read."""


def _message_folders(package: str) -> Iterator[Path]:
    """Yield the folders that may contain a package's .msg files, in order of precedence."""
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / package / 'msg'
    yield _CHECKOUT / package / 'msg'
    yield _CHECKOUT / 'install' / package / 'share' / package / 'msg'


def find_definition(msgtype: str) -> str | None:
    """Return the text of a message type's .msg file; None when it is not installed.

    Args:
        msgtype: as in "emotion_msgs/msg/Emotion".
    """
    package, _, name = msgtype.partition('/msg/')
    for folder in _message_folders(package):
        path = folder / f'{name}.msg'
        if path.is_file():
            return path.read_text(encoding='utf-8')
    return None


def register(store: Typestore, msgtype: str) -> bool:
    """Add an installed message type, and the types it consists of, to a store.

    Returns:
        Whether its definition is in the store now.
    """
    if msgtype in store.fielddefs:
        return True
    text = find_definition(msgtype)
    if text is None:
        return False
    types = get_types_from_msg(text, msgtype)
    for _, fields in types.values():
        for _, (_, description) in fields:
            for part in _type_names(description):
                if part not in types and not register(store, part):
                    return False
    store.register(types)
    return True


def _type_names(description: object) -> Iterator[str]:
    """Yield the message types named in the description of a field, however deeply nested."""
    if isinstance(description, str):
        if '/msg/' in description:
            yield description
    elif isinstance(description, tuple):
        for part in description:
            yield from _type_names(part)


def register_recorded(store: Typestore, msgtype: str, definition: MessageDefinition) -> None:
    """Add a message type as a recording defines it.

    Raises:
        TypesysError: the definition cannot be understood.
    """
    if msgtype in store.fielddefs or definition.format == MessageDefinitionFormat.NONE:
        return
    types: Typesdict = {}
    if definition.format == MessageDefinitionFormat.MSG:
        types.update(get_types_from_msg(definition.data, msgtype))
    elif definition.data.startswith(_IDL_SEPARATOR):
        for part in definition.data.split(_IDL_SEPARATOR)[1:]:
            types.update(get_types_from_idl(part.partition('\n')[2]))  # after a line "IDL: name"
    else:
        types.update(get_types_from_idl(definition.data))
    store.register(types)


@cache
def standard_types() -> Typestore:
    """Return the messages of ROS 2 Jazzy, this project's own, and annotations for Foxglove.

    Raises:
        DefinitionError: `emotion_msgs` is neither in the checkout nor installed.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for name in ('AudioChunk', 'Emotion', 'FaceArray', 'SpeechActivity', 'Transcript'):
        if not register(store, f'emotion_msgs/msg/{name}'):
            raise DefinitionError(
                f'the definition of emotion_msgs/msg/{name} was not found; source the workspace '
                'in which emotion_msgs was built (". ./env.sh" in the checkout)'
            )
    for name in foxglove_types.DEFINITIONS:
        msgtype = f'{foxglove_types.PACKAGE}/msg/{name}'
        store.register(get_types_from_msg(foxglove_types.definition(name), msgtype))
    return store
