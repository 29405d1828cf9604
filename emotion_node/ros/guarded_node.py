"""Nodes that go on when one of their callbacks fails, and that wait for few events."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.qos import QoSProfile, qos_policy_name_from_kind

from emotion_node.ros.faults import FaultLog
from emotion_node.ros.qos import takes_any

if TYPE_CHECKING:
    from rclpy.node import Node as _Base
else:
    _Base = object


NO_EVENTS: Final = PublisherEventCallbacks(use_default_callbacks=False)
"""For publishers: a subscriber that asks for more than they offer is warned on its own side. The
executor of rclpy spends time on each event of each topic in every wait."""


class GuardedCallbacks(_Base):
    """Guards the callbacks of subscriptions, timers and services; mix it in before the node.

    rclpy lets what a callback raises end the process. Here it is counted and logged in `faults`,
    and the node goes on. The caller of a service is answered: `success` false, where the response
    has such a field, and the reason in `message`.

    Of the events of the middleware, only publishers that do not fit a subscription are waited for
    (`NO_EVENTS`).
    """

    _faults: FaultLog | None = None

    @property
    def faults(self) -> FaultLog:
        """The faults of the node, of all its threads."""
        if self._faults is None:
            self._faults = FaultLog(self.get_logger(), time.monotonic)
        return self._faults

    def create_publisher(self, *args: Any, **options: Any) -> Any:
        """Publish, as rclpy does, without events."""
        options.setdefault('event_callbacks', NO_EVENTS)
        return super().create_publisher(*args, **options)

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., None],
        qos_profile: QoSProfile | int,
        **options: Any,
    ) -> Any:
        """Subscribe, as rclpy does; a publisher that offers less than is requested is logged."""
        guarded = self._guard(f'subscription to {topic}', callback)
        options.setdefault(
            'event_callbacks',
            SubscriptionEventCallbacks(
                incompatible_qos=None if takes_any(qos_profile) else self._warn_of(topic),
                use_default_callbacks=False,
            ),
        )
        return super().create_subscription(msg_type, topic, guarded, qos_profile, **options)

    def create_timer(
        self, timer_period_sec: float, callback: Callable[..., None], *args: Any, **options: Any
    ) -> Any:
        """Create a timer, as rclpy does."""
        guarded = self._guard('timer', callback)
        return super().create_timer(timer_period_sec, guarded, *args, **options)

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[..., Any],
        *args: Any,
        **options: Any,
    ) -> Any:
        """Offer a service, as rclpy does; a callback that is a coroutine may answer later."""

        def fail(error: Exception, response: Any) -> Any:
            self.faults(f'service {srv_name}', error)
            failed = type(response)()
            if hasattr(failed, 'message'):
                failed.message = f'{type(error).__name__}: {error}'
            return failed

        @functools.wraps(callback)
        def answer(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:  # noqa: BLE001  counted, and reported to the caller
                return fail(error, response)

        @functools.wraps(callback)
        async def answer_later(request: Any, response: Any) -> Any:
            try:
                return await callback(request, response)
            except Exception as error:  # noqa: BLE001  likewise
                return fail(error, response)

        guarded = answer_later if inspect.iscoroutinefunction(callback) else answer
        service = super().create_service(srv_type, srv_name, guarded, *args, **options)
        send = service.send_response

        def send_response(response: Any, header: Any) -> None:
            # The service may have been destroyed while the answer was awaited.
            with contextlib.suppress(InvalidHandle):
                send(response, header)

        service.send_response = send_response  # type: ignore[method-assign]
        return service

    def _warn_of(self, topic: str) -> Callable[[Any], None]:
        def warn(event: Any) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind)
            self.get_logger().warning(
                f'a publisher on {topic} offers less than is requested ({policy}); see '
                f'"ros2 topic info --verbose {topic}"'
            )

        return warn

    def _guard(self, stage: str, callback: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(callback)
        def run(*args: Any) -> None:
            try:
                callback(*args)
            except Exception as error:  # noqa: BLE001  counted and reported; the node goes on
                self.faults(stage, error)

        return run
