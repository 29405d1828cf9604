"""Finds faces and their landmarks with MediaPipe's models.

Detection is BlazeFace's full-range variant, landmarks are the attention mesh (Bazarevsky et al.,
arXiv 1907.05047; Grishchenko et al., arXiv 2006.10962), both in MediaPipe's wheel. With a
`face_landmarker.task` file, its landmarks and its 52 blendshapes instead.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from emotion_node.backends.mediapipe_graph import VERSION, Graph
from emotion_node.datatypes import ModelInfo
from emotion_node.dsp.similarity import crop_to_image
from emotion_node.errors import ModelError
from emotion_node.faces import Box, FaceDetection, FaceMesh, FaceRegion, Image

DETECTOR_SIZE: Final = 192
"""Longer side of the detector's input in pixels."""
MIN_DETECTION_SCORE: Final = 0.5
MESH_SIZE: Final = 192
LANDMARKER_SIZE: Final = 256
MIN_PRESENCE: Final = 0.5

_DETECTION: Final = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "FaceDetectionFullRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""

_MESH: Final = """
input_stream: "image"
input_stream: "roi"
output_stream: "landmarks"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:with_attention"
  options {
    [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { bool_value: true } }
  }
}
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""

_TASK_PROTO: Final = 'mediapipe.tasks.vision.face_landmarker.proto'
_TASK: Final = f"""
input_stream: "image"
input_stream: "roi"
output_stream: "landmarks"
output_stream: "blendshapes"
node {{
  calculator: "ImagePropertiesCalculator"
  input_stream: "IMAGE_CPU:image"
  output_stream: "SIZE:size"
}}
node {{
  calculator: "ToImageCalculator"
  input_stream: "IMAGE_CPU:image"
  output_stream: "IMAGE:any_image"
}}
node {{
  calculator: "mediapipe.tasks.vision.face_landmarker.SingleFaceLandmarksDetectorGraph"
  input_stream: "IMAGE:any_image"
  input_stream: "NORM_RECT:roi"
  output_stream: "NORM_LANDMARKS:landmarks"
  options {{
    [{_TASK_PROTO}.FaceLandmarksDetectorGraphOptions.ext] {{
      min_detection_confidence: {MIN_PRESENCE}
    }}
  }}
}}
node {{
  calculator: "mediapipe.tasks.vision.face_landmarker.FaceBlendshapesGraph"
  input_stream: "LANDMARKS:landmarks"
  input_stream: "IMAGE_SIZE:size"
  output_stream: "BLENDSHAPES:blendshapes"
  options {{ [{_TASK_PROTO}.FaceBlendshapesGraphOptions.ext] {{ }} }}
}}
"""
_TASK_FILES: Final = {
    (2, f'{_TASK_PROTO}.FaceLandmarksDetectorGraphOptions'): 'face_landmarks_detector.tflite',
    (3, f'{_TASK_PROTO}.FaceBlendshapesGraphOptions'): 'face_blendshapes.tflite',
}
"""Members of a face_landmarker.task file, by the node and the options that use them."""


class MediaPipeFaces:
    """MediaPipe's detector and landmark models.

    Its graphs keep no state between images, but take one image at a time: only one thread may
    use it.

    Args:
        landmarker: a face_landmarker.task file with blendshapes; None for the mesh in the wheel.

    Raises:
        MissingError: MediaPipe is not installed.
        ModelError: the file is missing or damaged, or is not such a file.
    """

    def __init__(self, landmarker: Path | None = None) -> None:
        self._detector = Graph(_DETECTION, DETECTOR_SIZE, ['detections'])
        if landmarker is None:
            self.info = ModelInfo('mediapipe-face-mesh', VERSION)
            self._size = MESH_SIZE
            self._mesh = Graph(_MESH, self._size, ['landmarks'])
        else:
            self.info = ModelInfo(f'mediapipe-{landmarker.stem}', VERSION)
            self._size = LANDMARKER_SIZE
            outputs = ['landmarks', 'blendshapes']
            self._mesh = Graph(_TASK, self._size, outputs, _read_task(landmarker))

    def detect(self, image: Image, view: Box) -> list[FaceDetection]:
        """Return the faces within a part of the image.

        Args:
            image: (height, width, 3) uint8 BGR.
            view: the part, within the image; a face narrower than a tenth of its longer side is
                often missed.
        """
        left, top, width, height = (round(value) for value in view)
        scale = DETECTOR_SIZE / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        part = image[top : top + height, left : left + width]
        # Halving is several times as fast as any other resampling by areas.
        while min(part.shape[1] / size[0], part.shape[0] / size[1]) >= 2:
            part = _resize(part, (part.shape[1] // 2, part.shape[0] // 2))
        packet = self._detector.run(_rgb(_resize(part, size))).get('detections')
        if packet is None:
            return []
        from mediapipe.python import packet_getter

        found = []
        for one in packet_getter.get_proto_list(packet):
            box = one.location_data.relative_bounding_box
            found.append(
                FaceDetection(
                    Box(
                        left + box.xmin * width,
                        top + box.ymin * height,
                        box.width * width,
                        box.height * height,
                    ),
                    float(one.score[0]),
                )
            )
        return [one for one in found if one.confidence >= MIN_DETECTION_SCORE]

    def fit(self, image: Image, region: FaceRegion) -> FaceMesh | None:
        """Return the landmarks of the face in a region; None when there is none.

        Args:
            image: (height, width, 3) uint8 BGR.
            region: where it should be, 1.5 times as wide as the face; it may extend beyond the
                image.
        """
        size = self._size
        to_image = crop_to_image(region, size)
        crop = cv2.warpAffine(
            image,
            to_image.matrix(),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.uint8, copy=False)
        packets = self._mesh.run(_rgb(crop))
        if 'landmarks' not in packets:
            return None
        from mediapipe.python import packet_getter

        points = packet_getter.get_proto(packets['landmarks']).landmark
        count = 3 * len(points)
        values = (value for point in points for value in (point.x, point.y, point.z))
        relative = np.fromiter(values, np.float64, count).reshape(-1, 3)
        landmarks = np.empty((len(points), 3), np.float32)
        landmarks[:, :2] = to_image.apply(relative[:, :2] * size - 0.5)
        landmarks[:, 2] = relative[:, 2] * region.side
        blendshapes = {}
        if 'blendshapes' in packets:
            shapes = packet_getter.get_proto(packets['blendshapes']).classification
            blendshapes = {shape.label: float(shape.score) for shape in shapes}
        return FaceMesh(landmarks, crop, region, blendshapes)


def _resize(image: Image, size: tuple[int, int]) -> Image:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _rgb(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _read_task(path: Path) -> dict[tuple[int, str], bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {key: archive.read(name) for key, name in _TASK_FILES.items()}
    except OSError as error:
        raise ModelError(
            f'face.landmarker {path} cannot be read ({error.strerror}); expected a '
            'face_landmarker.task file of MediaPipe, or empty for the mesh in its wheel'
        ) from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f'face.landmarker {path} is no face_landmarker.task file of MediaPipe with '
            f'blendshapes, or is damaged: {error}'
        ) from error
