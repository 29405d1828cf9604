"""How the soak test finds a leak."""

from __future__ import annotations

from emotion_lab.benchmark.soak import grows, growth


def test_growth_is_a_slope_and_a_leak_is_not_taken_for_a_warm_up() -> None:
    warm_up = [(float(n), 100.0 + min(n, 20) * 10) for n in range(100)]
    assert abs(growth(warm_up)) < 1e-6
    assert not grows(warm_up)
    leak = [(float(n), 100.0 + n) for n in range(100)]
    assert grows(leak)
    assert abs(growth(leak) - 3600) < 1
