"""Cover eyes or mouths of small grey faces: dark glasses, masks, scarves, hands and other things.

Drawn over a face by its landmarks, twice as large as the face and then reduced. `SEEN` are the
kinds that the face model is trained with. `HELD_OUT` are kinds of other shapes, shades and
textures, for measuring alone. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]
Rng = np.random.Generator

SCALE: Final = 2
"""How much larger covers are drawn."""
PARTS: Final = ('eyes', 'mouth')
"""Parts of a face of which is said how much is covered."""

_EYES: Final = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
_LIPS: Final = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),
    *(291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
)
_JAW: Final = (
    *(234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
)
_BRIDGE, _NOSE_TIP, _NOSE_BASE, _CHIN = 6, 4, 2, 152


class Canvas:
    """A face on which covers are drawn.

    Args:
        image: (side, side) grey.
        landmarks: (468, 2) in pixels of the image.
        rng: of all that is random.

    Attributes:
        points: (468, 2) in pixels of the canvas, which is `SCALE` times as large.
        across, down: unit vectors along the eyes, and from the eyes to the chin.
        eyes: (2, 2) their middles.
        unit: distance of the eyes.
        mouth: middle of the mouth.
        skin: brightness of the face, 0..255.
    """

    def __init__(self, image: Image, landmarks: Floats, rng: Rng) -> None:
        self.rng = rng
        self.side = SCALE * len(image)
        self.points = (landmarks.astype(np.float64) + 0.5) * SCALE - 0.5
        self.eyes = np.array([self.points[list(eye)].mean(0) for eye in _EYES])
        between = self.eyes[1] - self.eyes[0]
        self.unit = max(float(np.hypot(*between)), 4.0 * SCALE)
        self.across = between / max(float(np.hypot(*between)), 1e-6)
        self.down = np.array([-self.across[1], self.across[0]])
        self.mouth = self.points[list(_LIPS)].mean(0)
        self.skin = float(np.median(image[len(image) // 4 : -len(image) // 4]))
        self.alpha = np.zeros((self.side, self.side), np.float32)
        self.shade = np.zeros((self.side, self.side), np.float32)

    def at(self, start: Floats, across: float, down: float) -> Floats:
        """Return a place so many eye distances from another one."""
        return np.asarray(start + self.unit * (across * self.across + down * self.down))

    def blank(self) -> npt.NDArray[np.uint8]:
        """Return a shape without anything in it."""
        return np.zeros((self.side, self.side), np.uint8)

    def polygon(self, corners: Any) -> npt.NDArray[np.uint8]:
        """Return a filled polygon."""
        shape = self.blank()
        points = np.round(16 * np.asarray(corners)).astype(np.int32)
        cv2.fillPoly(shape, [points], (255,), cv2.LINE_AA, 4)
        return shape

    def ellipse(
        self, centre: Floats, across: float, down: float, turn: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """Return a filled ellipse with these half axes, in eye distances."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        x, y = across * np.cos(angle), down * np.sin(angle)
        c, s = np.cos(turn), np.sin(turn)
        corners = [
            self.at(centre, c * a - s * b, s * a + c * b) for a, b in zip(x, y, strict=True)
        ]
        return self.polygon(corners)

    def box(
        self, centre: Floats, across: float, down: float, turn: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """Return a filled rectangle with these half sides, in eye distances."""
        c, s = np.cos(turn), np.sin(turn)
        corners = [
            self.at(centre, c * a - s * b, s * a + c * b)
            for a, b in ((-across, -down), (across, -down), (across, down), (-across, down))
        ]
        return self.polygon(corners)

    def put(self, shape: npt.NDArray[np.uint8], shade: Floats | float, opacity: float = 1) -> None:
        """Lay a shape over what is there.

        Args:
            shape: (side, side) 0 to 255.
            shade: brightness 0..255, of each pixel or of all.
            opacity: 0..1.
        """
        share = shape.astype(np.float32) * np.float32(opacity / 255)
        total = share + self.alpha * (1 - share)
        self.shade = (share * shade + (1 - share) * self.alpha * self.shade) / np.maximum(
            total, 1e-6
        )
        self.alpha = total

    def slope(self, low: float, high: float) -> Floats:
        """Return (side, side) a ramp of brightness in a random direction."""
        angle = self.rng.uniform(0, 2 * np.pi)
        x = np.linspace(-1, 1, self.side, dtype=np.float32)
        y = x[:, None]
        along = np.clip((np.cos(angle) * x + np.sin(angle) * y) / 1.4 + 0.5, 0, 1)
        return np.asarray(low + (high - low) * along)

    def grain(self, cell: float, strength: float) -> Floats:
        """Return (side, side) random texture with cells of so many pixels of the canvas."""
        count = max(2, round(self.side / cell))
        coarse = self.rng.normal(0, strength, (count, count)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (self.side, self.side)))

    def stripes(self, period: float, strength: float, turn: float) -> Floats:
        """Return (side, side) stripes, `period` in eye distances."""
        x = np.arange(self.side, dtype=np.float32)
        y = x[:, None]
        c, s = np.cos(turn), np.sin(turn)
        along = (x * (c * self.across[0] + s * self.down[0])) + (
            y * (c * self.across[1] + s * self.down[1])
        )
        phase = self.rng.uniform(0, 2 * np.pi)
        return np.asarray(strength * np.sin(2 * np.pi * along / (period * self.unit) + phase))


def _clear_glasses(c: Canvas) -> None:
    shade, thick = c.rng.uniform(0, 120), max(1, round(c.rng.uniform(0.02, 0.07) * c.unit))
    wide, high = c.rng.uniform(0.3, 0.45), c.rng.uniform(0.22, 0.36)
    round_ones = c.rng.random() < 0.5
    for eye in c.eyes:
        centre = c.at(eye, 0, 0.04)
        shape = c.ellipse(centre, wide, high) if round_ones else c.box(centre, wide, high)
        inner = cv2.erode(shape, np.ones((3, 3), np.uint8), iterations=thick)
        c.put(cv2.subtract(shape, inner).astype(np.uint8), shade)
    middle = c.eyes.mean(0)
    c.put(c.box(middle, max(0.5 - wide, 0.05), 0.03), shade)


def _dark_glasses(c: Canvas) -> None:
    low = c.rng.uniform(0, 70)
    shade = c.slope(low, low + c.rng.uniform(0, 50))
    opacity = c.rng.uniform(0.8, 1)
    wide, high = c.rng.uniform(0.34, 0.52), c.rng.uniform(0.22, 0.42)
    drop = c.rng.uniform(0, 0.12)
    form = c.rng.integers(3)
    for k, eye in enumerate(c.eyes):
        centre = c.at(eye, 0, drop)
        if form == 0:
            shape = c.ellipse(centre, wide, high)
        elif form == 1:
            shape = c.box(centre, wide, high)
        else:  # aviators hang outwards
            side = 1 if k else -1
            corners = ((-0.9, -1), (0.9, -1), (1, 0), (0.5, 1.1), (-0.3, 1), (-0.8, 0.2))
            shape = c.polygon([c.at(centre, side * a * wide, b * high) for a, b in corners])
        c.put(shape, shade, opacity)
        if c.rng.random() < 0.4:  # a reflection
            light = c.at(centre, c.rng.uniform(-0.2, 0.2), c.rng.uniform(-0.15, 0.1))
            shape = c.ellipse(light, 0.12, 0.05, c.rng.uniform(-1, 1))
            c.put(shape, c.rng.uniform(90, 255), c.rng.uniform(0.2, 0.8))
    middle = c.at(c.eyes.mean(0), 0, drop - 0.5 * high)
    c.put(c.box(middle, 0.55, c.rng.uniform(0.02, 0.08)), low)
    if c.rng.random() < 0.6:
        for side in (-1, 1):
            arm = c.at(middle, side * 1.1, 0)
            c.put(c.box(arm, 0.3, 0.04), low)


def _bar(c: Canvas) -> None:
    shade = c.rng.uniform(0, 255) + c.grain(c.rng.uniform(2, 30), c.rng.uniform(0, 25))
    middle = c.at(c.eyes.mean(0), c.rng.uniform(-0.1, 0.1), c.rng.uniform(-0.1, 0.15))
    wide, high = c.rng.uniform(0.85, 1.6), c.rng.uniform(0.22, 0.5)
    c.put(c.box(middle, wide, high, c.rng.uniform(-0.15, 0.15)), shade)


def _fringe(c: Canvas) -> None:
    shade = c.rng.uniform(0, 160) + c.stripes(
        c.rng.uniform(0.08, 0.2), c.rng.uniform(5, 30), c.rng.uniform(-0.4, 0.4)
    )
    low = c.rng.uniform(-0.25, 0.3)
    middle = c.eyes.mean(0)
    across = np.linspace(-2, 2, 9)
    edge = [c.at(middle, a, low + c.rng.uniform(-0.1, 0.1)) for a in across]
    c.put(c.polygon([*edge, c.at(middle, 2, -3), c.at(middle, -2, -3)]), shade)


def _mask(c: Canvas) -> None:
    high = c.rng.uniform(0, 0.8)  # from the bridge of the nose to its tip
    top = (1 - high) * c.points[_BRIDGE] + high * c.points[_NOSE_TIP]
    if c.rng.random() < 0.15:  # worn below the nose
        top = c.points[_NOSE_BASE]
    first = int(c.rng.integers(0, 4))
    jaw = c.points[list(_JAW[first : len(_JAW) - first])]
    middle = jaw.mean(0)
    jaw = middle + (jaw - middle) * c.rng.uniform(1, 1.12)
    left, right = ((1 - 0.5) * jaw[k] + 0.5 * top for k in (0, -1))
    lift = c.rng.uniform(-0.1, 0.15)
    shape = c.polygon([*jaw, c.at(right, 0, lift), top, c.at(left, 0, lift)])
    base = c.rng.choice((c.rng.uniform(150, 255), c.rng.uniform(0, 255)))
    shade = base + c.slope(-25, 25) * c.rng.uniform(0, 1.5)
    if c.rng.random() < 0.6:
        shade = shade + c.stripes(c.rng.uniform(0.2, 0.5), c.rng.uniform(3, 18), np.pi / 2)
    c.put(shape, shade + c.grain(c.rng.uniform(2, 20), c.rng.uniform(0, 8)))
    if c.rng.random() < 0.5:
        for end, ear in ((0, 234), (-1, 454)):
            strap = c.polygon([jaw[end], c.points[ear], c.at(c.points[ear], 0, 0.05)])
            c.put(strap, base)


def _scarf(c: Canvas) -> None:
    top = c.at(c.points[_NOSE_TIP], 0, c.rng.uniform(-0.3, 0.3))
    rise = c.rng.uniform(-0.3, 0.3)
    shade = c.rng.uniform(0, 255) + c.grain(c.rng.uniform(3, 30), c.rng.uniform(5, 35))
    if c.rng.random() < 0.5:
        shade = shade + c.stripes(c.rng.uniform(0.15, 0.6), 40, c.rng.uniform(0, np.pi))
    edge = [c.at(top, -2, rise), c.at(top, -0.8, 0), top, c.at(top, 0.8, 0), c.at(top, 2, -rise)]
    c.put(c.polygon([*edge, c.at(top, 2, 4), c.at(top, -2, 4)]), shade)


def _hand(c: Canvas, aim: Floats) -> None:
    shade = np.clip(c.skin * c.rng.uniform(0.6, 1.3), 20, 245)
    turn = c.rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-way[1], way[0]])
    for k in range(4):
        offset = (k - 1.5) * c.rng.uniform(0.2, 0.27)
        tip = c.at(aim, *(across * offset + way * c.rng.uniform(-0.1, 0.1)))
        tone = shade * c.rng.uniform(0.85, 1.1) + c.grain(8, 5)
        length = c.rng.uniform(0.6, 0.9)
        c.put(c.ellipse(tip, length, 0.15, turn), tone)
    palm = c.at(aim, *(way * 0.9))
    c.put(c.ellipse(palm, 0.7, 0.55, turn), shade + c.slope(-20, 20))


def _hand_on_mouth(c: Canvas) -> None:
    _hand(c, c.at(c.mouth, *c.rng.normal(0, 0.12, 2)))


def _hand_on_eyes(c: Canvas) -> None:
    _hand(c, c.at(c.eyes.mean(0), *c.rng.normal(0, 0.12, 2)))


def _thing_at_mouth(c: Canvas) -> None:
    centre = c.at(c.mouth, *c.rng.normal(0, 0.12, 2))
    shade = c.rng.uniform(0, 255) + c.slope(-40, 40) + c.grain(6, c.rng.uniform(0, 15))
    size = c.rng.uniform(0.35, 0.7)
    if c.rng.random() < 0.6:
        c.put(c.ellipse(centre, size, size * c.rng.uniform(0.8, 1.3)), shade)
        stick = c.at(centre, c.rng.uniform(-0.5, 0.5), size + 0.9)
        c.put(c.box(stick, 0.15, 1), c.rng.uniform(0, 255))
    else:
        c.put(c.box(centre, size * 1.2, size, c.rng.uniform(-0.6, 0.6)), shade)


def _patch(c: Canvas) -> None:
    centre = c.rng.uniform(0, c.side, 2)
    shade = c.rng.uniform(0, 255) + c.grain(c.rng.uniform(1, 40), c.rng.uniform(0, 40))
    wide, high = c.rng.uniform(0.2, 1, 2)
    c.put(c.box(centre, wide, high, c.rng.uniform(-0.7, 0.7)), shade)


def _visor(c: Canvas) -> None:
    middle = c.at(c.eyes.mean(0), 0, 0.05)
    corners = ((-1.15, -0.35), (1.15, -0.35), (1.2, 0.1), (0.6, 0.5), (0, 0.25), (-0.6, 0.5),
               (-1.2, 0.1))  # fmt: skip
    shape = c.polygon([c.at(middle, *corner) for corner in corners])
    c.put(shape, c.slope(60, 230) + c.stripes(1.4, 25, 0.5), 0.96)


def _fist_on_eyes(c: Canvas) -> None:
    tone = c.skin * c.rng.uniform(0.75, 1.15)
    for eye, side in zip(c.eyes, (-1, 1), strict=True):
        for k in range(3):
            knuckle = c.at(eye, side * (0.28 * k - 0.28), -0.05)
            c.put(c.ellipse(knuckle, 0.2, 0.34), tone * (0.9 + 0.08 * k))


def _bandana(c: Canvas) -> None:
    top = c.at(c.points[_NOSE_TIP], 0, -0.25)
    low = c.at(c.points[_CHIN], c.rng.uniform(-0.2, 0.2), 0.6)
    shape = c.polygon([c.at(top, -1.5, -0.2), top, c.at(top, 1.5, -0.2), c.at(low, 0.1, 0), low])
    base = c.rng.uniform(20, 230)
    c.put(shape, base)
    dot = 255 - base
    for across in np.arange(-1.5, 1.6, 0.3):
        for down in np.arange(-0.2, 2.4, 0.3):
            spot = cv2.bitwise_and(c.ellipse(c.at(top, across, down), 0.08, 0.08), shape)
            c.put(np.asarray(spot, np.uint8), dot)


def _knitted(c: Canvas) -> None:
    top = c.at(c.points[_NOSE_BASE], 0, c.rng.uniform(-0.4, 0))
    knit = c.stripes(0.22, 35, 0.8) * np.sign(c.stripes(0.5, 1, 0))
    edge = [c.at(top, a, 0.12 * a * a) for a in np.linspace(-1.6, 1.6, 9)]
    shape = c.polygon([*edge, c.at(top, 1.6, 3), c.at(top, -1.6, 3)])
    c.put(shape, c.rng.uniform(50, 200) + knit)


def _page(c: Canvas) -> None:
    turn = c.rng.uniform(-0.25, 0.25)
    centre = c.at(c.mouth, c.rng.uniform(-0.2, 0.2), 0.85)
    shape = c.box(centre, 1.2, 1.2, turn)
    lines = np.sign(c.stripes(0.2, 1, np.pi / 2 + turn)) * np.abs(c.grain(5, 50))
    c.put(shape, c.rng.uniform(190, 245) - np.maximum(lines, 0))


Draw = Callable[[Canvas], None]

SEEN: Final[Mapping[str, Draw]] = {
    'clear glasses': _clear_glasses,
    'dark glasses': _dark_glasses,
    'bar': _bar,
    'fringe': _fringe,
    'mask': _mask,
    'scarf': _scarf,
    'hand on mouth': _hand_on_mouth,
    'hand on eyes': _hand_on_eyes,
    'thing at mouth': _thing_at_mouth,
    'patch': _patch,
}
"""Covers with which the face model is trained; the first hides nothing."""

HELD_OUT: Final[Mapping[str, tuple[str, Draw]]] = {
    'visor': ('eyes', _visor),
    'fists': ('eyes', _fist_on_eyes),
    'bandana': ('mouth', _bandana),
    'knitted scarf': ('mouth', _knitted),
    'page': ('mouth', _page),
}
"""Covers of other kinds, for measuring, each with the part that it hides."""


class Covered(NamedTuple):
    """Covered faces.

    Attributes:
        images: (side, side) of one face, or (n, side, side).
        shares: (2,) or (n, 2) how much of each of `PARTS` is covered, 0..1; NaN where it is not
            known where they are.
    """

    images: Image
    shares: npt.NDArray[np.float32]


def cover_all(images: Image, landmarks: Floats, rng: Rng) -> Covered:
    """Return faces with one of `SEEN` before each; without landmarks, a face stays as it is.

    Args:
        images: (n, side, side) grey.
        landmarks: (n, 468, 2) in pixels; NaN for a face without.
        rng: of all that is random.
    """
    covered, shares = images.copy(), np.full((len(images), len(PARTS)), np.nan, np.float32)
    kinds = list(SEEN.values())
    for k in np.flatnonzero(np.isfinite(landmarks).all((1, 2))):
        draw = kinds[int(rng.integers(len(kinds)))]
        covered[k], shares[k] = draw_cover(images[k], landmarks[k], draw, rng)
    return Covered(covered, shares)


def draw_cover(image: Image, landmarks: Floats, draw: Draw, rng: Rng) -> Covered:
    """Return a face with something before it.

    Args:
        image: (side, side) grey.
        landmarks: (468, 2) in pixels of the image.
        draw: one of `SEEN` or `HELD_OUT`.
        rng: of all that is random.
    """
    canvas = Canvas(image, landmarks, rng)
    draw(canvas)
    side = len(image)
    alpha = cv2.resize(canvas.alpha, (side, side), interpolation=cv2.INTER_AREA)
    lit = (canvas.alpha * np.clip(canvas.shade, 0, 255)).astype(np.float32)
    light = cv2.resize(lit, (side, side), interpolation=cv2.INTER_AREA)
    made = np.clip(np.round((1 - alpha) * image + light), 0, 255).astype(np.uint8)
    eyes = [canvas.polygon(canvas.points[list(eye)]) for eye in _EYES]
    lips = canvas.polygon(canvas.points[list(_LIPS)])
    eyes_covered = np.mean([_share(canvas.alpha, eye) for eye in eyes])
    return Covered(made, np.array([eyes_covered, _share(canvas.alpha, lips)], np.float32))


def _share(alpha: Floats, part: npt.NDArray[np.uint8]) -> float:
    weight = part.astype(np.float64)
    total = weight.sum()
    return float((alpha * weight).sum() / total) if total else 0.0
