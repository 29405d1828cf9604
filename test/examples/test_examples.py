"""The examples answer the node's emotions, over DDS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from domain_coordinator import domain_id
from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import String
from support.emotions import emotion
from support.robot import Robot, overrides, robot

from emotion_node.messages.context import Contexts
from examples.dialogue_manager import DialogueManager, reply
from examples.llm_dialogue_manager import SYSTEM, LanguageModelDialogue

LINES = Contexts()
SAD = LINES.line(emotion(1, 'sadness', 'I lost my keys', speaker_id='s1'))
HAPPY = LINES.line(emotion(2, 'joy', 'I got the job', speaker_id='s1'))


@contextmanager
def manager(make: Callable[[Context], Node]) -> Iterator[Robot]:
    with domain_id() as domain, robot(domain) as one, one.beside(make) as node:
        one.listen(String, 'say')
        one.until(lambda: node.count_subscribers('say'), 'the robot listens')
        yield one


def test_the_rules_answer_each_utterance() -> None:
    with manager(lambda context: DialogueManager(context=context)) as one:
        for line in (SAD, HAPPY):
            one.publisher(String, 'emotion/context').publish(String(data=line))
        one.until(lambda: len(one.inbox['say']) == 2, 'two answers')
        answers = [message.data for message in one.inbox['say']]
    assert answers[0] == 'I am sorry to hear that.'
    assert answers[1] == reply(json.loads(HAPPY))


def test_the_rules_say_nothing_about_an_uncertain_feeling() -> None:
    heard = json.loads(SAD) | {'confidence': 0.4}
    assert reply(heard) == 'I see. Tell me more.'
    assert reply(heard | {'text': ''}) == 'I did not catch that.'


@pytest.fixture
def service() -> Iterator[tuple[str, list[Any]]]:
    """A tiny language model: it answers with the number of turns, or not at all."""
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            requests.append((self.path, self.headers['Authorization'], body))
            content = f'answer {len(body["messages"])}'
            answer = {'choices': [{'message': {'role': 'assistant', 'content': content}}]}
            data = json.dumps(answer).encode() if len(requests) != 2 else b'out of order'
            self.send_response(200)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/v1/', requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_language_model_gets_the_tagged_words_and_its_own_answers(
    service: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, requests = service
    monkeypatch.setenv('OPENAI_API_KEY', 'secret')
    parameters = overrides({'endpoint': endpoint, 'model': 'tiny'})
    with manager(
        lambda context: LanguageModelDialogue(context=context, parameter_overrides=parameters)
    ) as one:
        context = one.publisher(String, 'emotion/context')
        context.publish(String(data=SAD))
        one.until(lambda: len(one.inbox['say']) == 1, 'an answer')
        context.publish(String(data=SAD))  # the service fails here
        one.until(lambda: len(requests) == 2, 'a second request')
        context.publish(String(data=HAPPY))
        one.until(lambda: len(one.inbox['say']) == 2, 'the next answer')
        assert [message.data for message in one.inbox['say']] == ['answer 2', 'answer 5']
    path, key, body = requests[-1]
    assert (path, key, body['model']) == ('/v1/chat/completions', 'Bearer secret', 'tiny')
    sad = 's1: [sadness 0.6, words] I lost my keys'
    assert body['messages'] == [
        {'role': 'system', 'content': SYSTEM},
        {'role': 'user', 'content': sad},
        {'role': 'assistant', 'content': 'answer 2'},
        {'role': 'user', 'content': sad},
        {'role': 'user', 'content': 's1 (before: sadness): [joy 0.6, words] I got the job'},
    ]


def test_without_an_endpoint_the_prompt_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with manager(lambda context: LanguageModelDialogue(context=context)) as one:
        one.publisher(String, 'emotion/context').publish(String(data=SAD))
        printed = ''

        def shown() -> bool:
            nonlocal printed
            printed += capfd.readouterr().out
            return 'I lost my keys' in printed

        one.until(shown, 'the prompt')
    assert printed == f'{SYSTEM}\n\ns1: [sadness 0.6, words] I lost my keys\n'
