"""Portraits that blink, move their heads slightly and move their lips.

An image is animated by warping, never by painting over it: the lower lip and the jaw are
displaced, the inside of the mouth appears in the gap, eyelids are stretched over the eyes, and
the head moves in front of the background. Landmarks are pixel coordinates in the original image,
found once with MediaPipe's face mesh and corrected by hand.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
Point = tuple[float, float]

WORK_SCALE: Final = 2
"""Portraits are animated at this multiple of their size on the screen, against aliasing."""


@dataclass(frozen=True)
class Eye:
    """One eye: the edges of its lids from the left corner to the right one."""

    upper: tuple[Point, ...]
    lower: tuple[Point, ...]
    lid: float
    """Height of skin above the upper edge that moves down in a blink, in pixels."""


@dataclass(frozen=True)
class Portrait:
    """An image in a PyPI package, and the geometry of its face.

    Coordinates are pixels of the original image, x to the right and y down. Left and right
    are the viewer's.
    """

    name: str
    package: str
    file: str
    sha256: str
    credit: str
    face: tuple[float, float, float, float]
    """Box around the face, hairline to chin: x, y, width, height."""
    lips_upper: tuple[Point, ...]
    """Lower edge of the upper lip, corner to corner."""
    lips_lower: tuple[Point, ...]
    """Upper edge of the lower lip, corner to corner."""
    chin: float
    """y of the chin."""
    eyes: tuple[Eye, Eye]
    head: tuple[float, float, float, float]
    """Ellipse around head and hair, which move together: centre x, y, radius x, y."""
    pivot: Point
    """Where the head turns on the neck."""
    rest: float
    """Lip gap of the silent mouth, in pixels relative to that in the image."""
    widest: float
    """Lip gap of the fully open mouth, likewise."""
    teeth: bool
    """Whether the image itself shows teeth; otherwise they are drawn faintly."""
    scale: float
    """Pixels on the screen per pixel of the image."""
    centre: Point
    """The point of the image at the centre of its half of the screen."""


def load(portrait: Portrait) -> Image:
    """Read a portrait from its installed package.

    Returns:
        (height, width, 3) BGR.

    Raises:
        FileNotFoundError: the package is not installed, or contains another image.
    """
    spec = importlib.util.find_spec(portrait.package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f'the portrait of {portrait.name} comes with {portrait.package}, which is not '
            'installed; run: pip install -r requirements/demo.in'
        )
    path = Path(spec.origin).parent / portrait.file
    data = path.read_bytes() if path.is_file() else b''
    found = hashlib.sha256(data).hexdigest()
    if found != portrait.sha256:
        raise FileNotFoundError(
            f'{path} should have the sha256 {portrait.sha256} and has {found}; the landmarks '
            f'belong to that image: install the version of {portrait.package} with it'
        )
    image = cv2.imdecode(np.frombuffer(_without_profile(data), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def _without_profile(data: bytes) -> bytes:
    """Drop a PNG's colour profile: that of the astronaut is invalid, and libpng warns about it."""
    start = data.find(b'iCCP') - 4
    if not data.startswith(b'\x89PNG') or start < 0:
        return data
    length = int.from_bytes(data[start : start + 4], 'big')
    return data[:start] + data[start + 12 + length :]


def _ramp(x: Array) -> Array:
    """Rise smoothly from 0 at 0 to 1 at 1."""
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _sample(image: Array, x: Array, y: Array) -> Array:
    return np.asarray(
        cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.float32
    )


class Animator:
    """Draws one portrait in any pose.

    Args:
        portrait: to draw.
        width: of the drawn image, in pixels.
        height: of the drawn image, in pixels.
    """

    def __init__(self, portrait: Portrait, width: int, height: int) -> None:
        self._portrait = portrait
        self._size = (width, height)
        zoom = portrait.scale * WORK_SCALE
        self._zoom = zoom
        self._origin = np.array(
            [
                width * WORK_SCALE / 2 - zoom * portrait.centre[0],
                height * WORK_SCALE / 2 - zoom * portrait.centre[1],
            ]
        )
        placed = np.array([[zoom, 0, self._origin[0]], [0, zoom, self._origin[1]]])
        self._base = cv2.warpAffine(
            load(portrait),
            placed,
            (width * WORK_SCALE, height * WORK_SCALE),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        rows, columns = self._base.shape[:2]
        self._soft = np.asarray(cv2.GaussianBlur(self._base, (0, 0), zoom), np.float32)
        self._y, self._x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        self._head = self._head_weight()

    def place(self, points: tuple[Point, ...]) -> npt.NDArray[np.float64]:
        """Return (n, 2) working coordinates of points of the original image."""
        return np.asarray(np.array(points) * self._zoom + self._origin, np.float64)

    def screen_box(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """Return a box of the original image in pixels of the drawn one: x, y, width, height."""
        x, y = self.place(((box[0], box[1]),))[0] / WORK_SCALE
        return (
            round(x),
            round(y),
            round(box[2] * self._portrait.scale),
            round(box[3] * self._portrait.scale),
        )

    def mouth_box(self) -> tuple[int, int, int, int]:
        """Return the box around lips and chin in pixels of the drawn image: x, y, w, h."""
        lips = np.array(self._portrait.lips_upper + self._portrait.lips_lower)
        left, right = lips[:, 0].min(), lips[:, 0].max()
        margin = 0.15 * (right - left)
        top = lips[:, 1].min() - margin
        return self.screen_box(
            (left - margin, top, right - left + 2 * margin, self._portrait.chin - top)
        )

    def draw(
        self, opening: float, blink: float, shift: Point = (0.0, 0.0), roll: float = 0.0
    ) -> Image:
        """Draw the portrait.

        Args:
            opening: of the mouth, 0 (at rest) to 1 (wide open).
            blink: 0 (eyes as in the image) to 1 (closed).
            shift: of the head, in pixels of the drawn image.
            roll: of the head, in degrees, clockwise.

        Returns:
            (height, width, 3) BGR.
        """
        face = self._base.copy()
        self._open_mouth(face, opening)
        if blink > 0:
            for eye in self._portrait.eyes:
                self._close_eye(face, eye, blink)
        pivot = self.place((self._portrait.pivot,))[0]
        angle = np.deg2rad(roll)
        x, y = self._x - pivot[0], self._y - pivot[1]
        back_x = x * np.cos(angle) + y * np.sin(angle) - x - shift[0] * WORK_SCALE
        back_y = y * np.cos(angle) - x * np.sin(angle) - y - shift[1] * WORK_SCALE
        moved = _sample(
            face,
            np.asarray(self._x + self._head * back_x, np.float32),
            np.asarray(self._y + self._head * back_y, np.float32),
        )
        small = cv2.resize(np.clip(moved, 0, 255), self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(np.round(small), np.uint8)

    def _head_weight(self) -> Array:
        """Return each pixel's share of the head's movement: 1 on it, falling to 0 around it."""
        x, y, radius_x, radius_y = self._portrait.head
        centre = self.place(((x, y),))[0]
        distance = np.hypot(
            (self._x - centre[0]) / (radius_x * self._zoom),
            (self._y - centre[1]) / (radius_y * self._zoom),
        )
        return _ramp(np.asarray((1.6 - distance) / 0.6, np.float32))

    def _open_mouth(self, face: Array, opening: float) -> None:
        """Lower the jaw in `face`, in place."""
        portrait = self._portrait
        upper, lower = self.place(portrait.lips_upper), self.place(portrait.lips_lower)
        left, right = upper[0, 0], upper[-1, 0]
        half = (right - left) / 2
        chin = portrait.chin * self._zoom + self._origin[1]
        rest, widest = portrait.rest * self._zoom, portrait.widest * self._zoom
        gap = rest + (widest - rest) * opening
        span = chin - lower[:, 1].max()

        rows = slice(max(int(upper[:, 1].min() - 1.2 * half), 0), int(chin + 1.2 * span))
        columns = slice(int(left - 0.9 * half), int(right + 0.9 * half))
        x, y = self._x[rows, columns], self._y[rows, columns]
        across = (x - (left + right) / 2) / half
        edge_up = np.interp(x[0], upper[:, 0], upper[:, 1]).astype(np.float32)
        edge_low = np.interp(x[0], lower[:, 0], lower[:, 1]).astype(np.float32)

        def jaw(at_y: Array) -> Array:
            down = (at_y - edge_low) / span
            bell = np.clip(1 - (across / (1 + 0.7 * np.clip(down, 0, 1))) ** 2, 0, 1)
            fall = (1 - 0.35 * np.clip(down, 0, 1)) * (1 - _ramp((down - 1) / 0.9))
            return np.asarray(gap * bell * fall, np.float32)

        def lip(at_y: Array) -> Array:
            bell = np.clip(1 - across**2, 0, 1)
            raised = 0.14 * max(gap, 0.0) * np.exp(-np.clip(edge_up - at_y, 0, None) / half)
            return np.asarray(-raised * bell, np.float32)

        below, above = y.copy(), y.copy()
        for _ in range(6):  # invert the displacement by fixed-point iteration
            below, above = y - jaw(below), y - lip(above)
        with_lower = _ramp((below - edge_low) / WORK_SCALE + 0.5)[..., None]
        with_upper = _ramp((edge_up - above) / WORK_SCALE + 0.5)[..., None]

        inside = self._inside(x, y, across, edge_up, edge_low, max(gap, 0.0))
        lifted = _sample(self._base, x, above)
        lowered = _sample(self._base, x, below)
        out = inside + (lifted - inside) * with_upper
        out += (lowered - out) * with_lower
        face[rows, columns] = out

    def _inside(
        self, x: Array, y: Array, across: Array, edge_up: Array, edge_low: Array, gap: float
    ) -> Array:
        """Return the inside of the mouth: teeth, which do not move with the jaw, and darkness."""
        rows, columns = (
            slice(int(y[0, 0]), int(y[-1, 0]) + 1),
            slice(int(x[0, 0]), int(x[0, -1]) + 1),
        )
        base = self._base[rows, columns]
        bell = np.clip(1 - across**2, 0, 1)
        depth = np.clip((y - edge_low) / max(gap, 1.0), 0, 1)
        dark = np.array([22, 18, 48], np.float32)
        tongue = np.array([60, 52, 128], np.float32)
        cave = dark + (tongue - dark) * (0.8 * _ramp((depth - 0.45) / 0.5) * bell)[..., None]
        half = np.float32(x[0, -1] - x[0, 0]) / 3.8
        if self._portrait.teeth:
            teeth = base
            rim = edge_low - 0.04 * half
            shown = _ramp((rim - y) / (1.5 * WORK_SCALE) + 0.5)
        else:
            teeth = np.array([158, 182, 200], np.float32)
            rim = edge_up + np.minimum(0.25 * gap * bell, 0.09 * half)
            shown = 0.7 * _ramp((rim - y) / (2.5 * WORK_SCALE) + 0.5) * _ramp(bell / 0.5)
        cave = cave + (teeth - cave) * shown[..., None]
        thick = _ramp(gap * bell / (2 * WORK_SCALE))[..., None]
        return np.asarray(base + (cave - base) * thick, np.float32)

    def _close_eye(self, face: Array, eye: Eye, blink: float) -> None:
        """Lower the upper lid in `face`, in place."""
        upper, lower = self.place(eye.upper), self.place(eye.lower)
        lid = eye.lid * self._zoom
        rows = slice(int(upper[:, 1].min() - lid) - 2, int(lower[:, 1].max() + lid) + 2)
        columns = slice(int(upper[0, 0]), int(upper[-1, 0]) + 1)
        x, y = self._x[rows, columns], self._y[rows, columns]
        top = np.interp(x[0], upper[:, 0], upper[:, 1]).astype(np.float32)
        bottom = np.interp(x[0], lower[:, 0], lower[:, 1]).astype(np.float32)
        crease = top - lid * _ramp((bottom - top) / lid)
        edge = top + blink * np.maximum(bottom - top, 0)
        # The skin of the lid is shaded from the colour of its crease to that under the eye.
        above = _sample(self._soft, x[:1], crease[None])
        under = _sample(self._soft, x[:1], (bottom + 0.7 * lid)[None])
        share = np.clip((y - crease) / np.maximum(edge - crease, 1), 0, 1)[..., None]
        skin = above + (under - above) * share
        lashes = np.exp(-(((y - edge) / (0.5 * self._zoom)) ** 2)) * _ramp((bottom - top) / lid)
        skin *= 1 - 0.55 * lashes[..., None]
        fade = _ramp((y - crease) / lid) * _ramp((edge - y) / WORK_SCALE + 1)
        covered = fade * _ramp((edge - top) / WORK_SCALE)
        here = face[rows, columns]
        face[rows, columns] = here + (skin - here) * covered[..., None]
