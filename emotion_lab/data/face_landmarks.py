"""Landmarks of small grey faces, found by the node's own networks."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from emotion_node.core.vision.geometry import region_of
from emotion_node.faces import FaceMesh, FaceRegion
from emotion_node.interfaces import FaceFinder

ENLARGED: Final = 5
"""By which the faces are enlarged before their landmarks are found."""
POINTS: Final = 468


def fit_small_face(image: npt.NDArray[np.uint8], finder: FaceFinder) -> FaceMesh | None:
    """Return the mesh of a (side, side) grey face, in pixels of the enlarged image.

    Args:
        image: the face, which fills it.
        finder: of landmarks.
    """
    large = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    colour = np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)
    side = len(large)
    middle = (side - 1) / 2
    mesh = finder.fit(colour, FaceRegion(middle, middle, 1.3 * side, 0.0))
    return None if mesh is None else finder.fit(colour, region_of(mesh.landmarks)) or mesh


def find_landmarks(
    images: npt.NDArray[np.uint8], finder: FaceFinder, title: str
) -> npt.NDArray[np.float32]:
    """Return (n, 468, 2) landmarks in pixels of the images; NaN where no face is found.

    Args:
        images: (n, side, side) grey faces.
        finder: of landmarks.
        title: of the progress bar.
    """
    found: Any = np.full((len(images), POINTS, 2), np.nan, np.float32)
    console = Console(stderr=True)
    for k, image in enumerate(track(images, title, console=console, transient=True)):
        mesh = fit_small_face(image, finder)
        if mesh is not None:
            found[k] = (mesh.best[:POINTS, :2] + 0.5) / ENLARGED - 0.5
    return np.asarray(found, np.float32)
