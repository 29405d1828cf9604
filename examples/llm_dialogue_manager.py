r"""A dialogue manager that is a language model, behind an OpenAI-compatible endpoint.

Ollama, llama.cpp, vLLM and most services offer one. With `python -m emotion_node demo --domain 42`
in another shell:

    ROS_DOMAIN_ID=42 python examples/llm_dialogue_manager.py --ros-args \
        -p endpoint:=http://127.0.0.1:11434/v1 -p model:=llama3.2

Without an endpoint it prints the prompt. A key is taken from OPENAI_API_KEY.
"""

from __future__ import annotations

import json
import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

SYSTEM = """\
You are a friendly robot in a spoken conversation. Each turn begins with who speaks, and in square
brackets what you perceive of their feeling: how sure that is (0 to 1), and what shows it. Without
brackets you could not tell. Perception errs: do not name the feeling, react to it as a kind
listener would. Where words and feeling disagree, ask. Answer in one or two short sentences."""


def turn(heard: dict[str, Any]) -> str:
    """Return a message of `emotion/context` as a turn of the prompt."""
    who = heard['person'] or heard['speaker'] or 'somebody'
    change = heard['change']
    before = change['from'] if change else ''
    was = f' (before: {before})' if before not in ('', heard['label']) else ''
    return f'{who}{was}: {heard["tagged"]}'


class LanguageModelDialogue(Node):
    """Answers the partner's words and emotions on the topic `say`."""

    def __init__(self, **options: Any) -> None:
        super().__init__('llm_dialogue_manager', **options)
        self._endpoint = str(self.declare_parameter('endpoint', '').value).rstrip('/')
        self._model = str(self.declare_parameter('model', 'llama3.2').value)
        self._timeout = float(self.declare_parameter('timeout', 30.0).value)
        self._turns: list[dict[str, str]] = []
        self._worker = ThreadPoolExecutor(1)
        self._say = self.create_publisher(String, 'say', 10)
        self.create_subscription(String, 'emotion/context', self._take, 10)
        if not self._endpoint:
            print(SYSTEM, end='\n\n', flush=True)

    def destroy_node(self) -> None:
        """Leave the graph; an answer that is under way is not waited for."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        super().destroy_node()

    def _take(self, message: String) -> None:
        spoken = turn(json.loads(message.data))
        if self._endpoint:
            self._worker.submit(self._answer, spoken)
        else:
            print(spoken, flush=True)

    def _answer(self, spoken: str) -> None:
        self._turns.append({'role': 'user', 'content': spoken})
        messages = [{'role': 'system', 'content': SYSTEM}, *self._turns[-20:]]
        request = urllib.request.Request(
            f'{self._endpoint}/chat/completions',
            json.dumps({'model': self._model, 'messages': messages}).encode(),
            {
                'Content-Type': 'application/json',
                'Authorization': f'Bearer {os.environ.get("OPENAI_API_KEY", "none")}',
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                answer = json.load(response)['choices'][0]['message']['content'].strip()
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.get_logger().error(f'no answer from {self._endpoint}: {error!r}')
            return
        self._turns.append({'role': 'assistant', 'content': answer})
        print(f'{spoken}\n  robot: {answer}', flush=True)
        self._say.publish(String(data=answer))


if __name__ == '__main__':
    rclpy.init()
    try:
        rclpy.spin(LanguageModelDialogue())
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()
