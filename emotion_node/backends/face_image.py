"""Input of the face model: small grey images of faces, aligned by eyes and mouth.

Training uses the images of FER+ as they are; faces are aligned to where eyes and mouth are there.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.dsp.similarity import crop_to_image, fit_plane_similarity
from emotion_node.faces import FaceMesh

SIDE: Final = 48
"""Width and height of a face's image in pixels."""

PLACES: Final = {
    (33, 133): (14.7, 18.3),
    (362, 263): (32.3, 18.3),
    (61, 291): (23.5, 36.4),
}
"""Positions in the image of the midpoints between pairs of landmarks (corners of the left eye, the
right eye and the mouth): medians over 1,053 faces of FER+ train turned by less than 20 degrees."""

_FIRST: Final = np.array([pair[0] for pair in PLACES])
_SECOND: Final = np.array([pair[1] for pair in PLACES])
_AIM: Final = np.array(list(PLACES.values()))


def face_image(mesh: FaceMesh) -> npt.NDArray[np.uint8]:
    """Return the face as a (`SIDE`, `SIDE`) uint8 grey image, eyes and mouth at `PLACES`.

    They are aligned by the similarity with the least squared error.

    Raises:
        ValueError: eyes and mouth coincide.
    """
    return _aligned(cv2.cvtColor(mesh.crop, cv2.COLOR_BGR2GRAY), mesh, SIDE)


def face_colour_image(mesh: FaceMesh, side: int) -> npt.NDArray[np.uint8]:
    """Return the face as a (`side`, `side`, 3) uint8 RGB image, aligned as `face_image` does.

    Raises:
        ValueError: eyes and mouth coincide.
    """
    return _aligned(cv2.cvtColor(mesh.crop, cv2.COLOR_BGR2RGB), mesh, side)


def _aligned(crop: npt.NDArray[Any], mesh: FaceMesh, side: int) -> npt.NDArray[np.uint8]:
    aim = (_AIM + 0.5) * side / SIDE - 0.5
    # Halved by areas while it is much too large: interpolation alone would skip pixels.
    points = _in_crop(mesh)
    while True:
        to_places = fit_plane_similarity(points, aim)
        if to_places is None:
            raise ValueError('eyes and mouth of a face coincide; its landmarks are broken')
        if to_places.scale > 0.55 or len(crop) < 2 * side:
            break
        crop = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        points = points / 2 - 0.25
    image = cv2.warpAffine(
        crop,
        to_places.matrix(),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(image, np.uint8)


def _in_crop(mesh: FaceMesh) -> npt.NDArray[np.float64]:
    """Return the (3, 2) midpoints of eyes and mouth, in pixels of the crop."""
    landmarks = mesh.best[:, :2].astype(np.float64)
    points = (landmarks[_FIRST] + landmarks[_SECOND]) / 2
    return crop_to_image(mesh.region, len(mesh.crop)).inverse().apply(points)
