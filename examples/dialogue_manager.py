"""A dialogue manager by rules: answers each utterance on the topic `say`.

Run `python -m emotion_node demo --domain 42` in one shell, and in another
`ROS_DOMAIN_ID=42 python examples/dialogue_manager.py`. It needs no model.
"""

from __future__ import annotations

import json
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

REPLIES = {
    'joy': 'That is wonderful!',
    'sadness': 'I am sorry to hear that.',
    'anger': 'I can hear that this upsets you.',
    'surprise': 'You did not expect that, did you?',
    'fear': 'Do not worry, I am with you.',
    'disgust': 'That does not sound pleasant.',
}
MIN_CONFIDENCE = 0.5  # below it, nothing is said about a feeling that may not be there
CHANGE = 0.4  # in valence, of -2 to 2, that is worth a word


def reply(heard: dict[str, Any]) -> str:
    """Return what to say to a message of `emotion/context`."""
    change = heard['change']
    if heard['confidence'] < MIN_CONFIDENCE or not heard['label']:
        return 'I see. Tell me more.' if heard['text'] else 'I did not catch that.'
    if change and change['valence'] > CHANGE and heard['label'] == 'joy':
        return 'You sound much happier now!'
    if change and change['valence'] < -CHANGE:
        return f'Something has changed. {REPLIES.get(heard["label"], "What is it?")}'
    return REPLIES.get(heard['label'], 'Go on, I am listening.')


class DialogueManager(Node):
    """Answers the emotions of a partner."""

    def __init__(self, **options: Any) -> None:
        super().__init__('dialogue_manager', **options)
        self._say = self.create_publisher(String, 'say', 10)
        self.create_subscription(String, 'emotion/context', self._answer, 10)

    def _answer(self, message: String) -> None:
        heard = json.loads(message.data)
        answer = reply(heard)
        who = heard['speaker'] or 'somebody'
        print(f'{who}: {heard["tagged"]}\n  robot: {answer}', flush=True)
        self._say.publish(String(data=answer))


if __name__ == '__main__':
    rclpy.init()
    try:
        rclpy.spin(DialogueManager())
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()
