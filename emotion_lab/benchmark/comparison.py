"""Play the conversation to every arrangement, and put the figures together into one report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.progress import Progress

from emotion_lab.benchmark import arrangements, timeline
from emotion_lab.benchmark.cut_offs import cut_off_figures
from emotion_lab.benchmark.figures import Figures, match, ratio
from emotion_lab.benchmark.offline import annotate_speed
from emotion_lab.benchmark.play import Arrangement, Play, Scene, play
from emotion_lab.benchmark.scene import find_scene
from emotion_lab.benchmark.talk import growth_figures, write_talk
from emotion_node.cli.processes import ProcessError
from emotion_node.datatypes import NS_PER_S

_LATENCY: Final = 'final_latency_ms_p50'
_LATENCY_WITHOUT_FACES: Final = 'final_latency_without_faces_ms_p50'

CONVERSATION: Final = 'conversation'
SEQUENTIAL: Final = 'sequential'
ANNOTATE: Final = 'annotate'
TALK: Final = 'talk'
CUT_OFFS: Final = 'cut-offs'
PARTS: Final = {
    CONVERSATION: 'the recorded conversation, with Whisper, with pocketsphinx and without words',
    SEQUENTIAL: 'the same in the usual arrangement',
    ANNOTATE: 'the speed of annotate',
    TALK: 'three minutes of two people who hardly pause',
    CUT_OFFS: 'utterances cut in two, in concatenated dialogues',
}
"""What can be measured, by name."""


@dataclass
class Comparison:
    """The plays of one scene.

    Attributes:
        scene: what is played.
        folder: for intermediate files.
        progress: shows what is being done.
        plays: by name of the arrangement.
        missing: why something was not measured, by name.
    """

    scene: Scene
    folder: Path
    progress: Progress
    plays: dict[str, Play] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def step(self, text: str, total: float | None = None) -> Callable[[float], None]:
        """Show the step that begins; call what it returns with the progress made of `total`."""
        for task in self.progress.task_ids:
            self.progress.remove_task(task)
        task = self.progress.add_task(text, total=total)
        if not self.progress.console.is_terminal:
            self.progress.console.print(text, style='dim')
        return lambda done: self.progress.update(task, completed=done)

    def play(self, name: str, arrangement: Arrangement) -> None:
        """Play the scene to an arrangement.

        Raises:
            ProcessError: a process failed or timed out.
        """
        length_s = self.scene.length_s
        advance = self.step(f'Playing {length_s:.0f} s to {arrangement.name}', length_s)
        self.plays[name] = play(arrangement, self.scene, self.folder / name, advance)

    def figures(self, name: str) -> Figures | None:
        """Return the figures of an arrangement; None when it was not played."""
        return self.plays[name].figures if name in self.plays else None


def compare(
    comparison: Comparison, train_env: Path | None, parts: Collection[str]
) -> dict[str, Any]:
    """Make all plays and return the report.

    Args:
        comparison: of the scene, without plays.
        train_env: virtual environment with torch; the current one when None.
        parts: which of `PARTS` to measure.

    Raises:
        ProcessError: a process failed or timed out.
    """
    if CONVERSATION in parts:
        comparison.play(arrangements.NODE, arrangements.node())
        comparison.play(arrangements.FALLBACK, arrangements.fallback())
        comparison.play(arrangements.WITHOUT, arrangements.without_transcription())
    if SEQUENTIAL in parts:
        _play_sequential(comparison, train_env)
    return {
        'schema': 2,
        **_node_figures(comparison),
        **(_annotate_figures(comparison) if ANNOTATE in parts else {}),
        **(_talk_figures(comparison) if TALK in parts else {}),
        **_cut_off_figures(comparison, CUT_OFFS in parts),
        **_ratio_figures(comparison),
        'recording': _recording(comparison.scene),
        'hardware': _hardware(),
        'arrangements': {name: one.figures for name, one in comparison.plays.items()},
        'timeline': _timeline(comparison),
        'not_measured': comparison.missing,
    }


def _annotate_figures(comparison: Comparison) -> Figures:
    bag, speeds = comparison.scene.bag, {}
    for name, words, arrangement in (
        ('annotate_speed', 'Whisper', arrangements.node()),
        ('annotate_speed_pocketsphinx', 'pocketsphinx', arrangements.fallback()),
        ('annotate_speed_without', 'no transcription', arrangements.without_transcription()),
    ):
        comparison.step(f'Annotating with {words}')
        speeds[name] = annotate_speed(bag, arrangement.parameters, comparison.folder / name)
    return speeds


def _talk_figures(comparison: Comparison) -> Figures:
    """Return how latency grows while two people talk for minutes with hardly a pause."""
    comparison.step('Writing the long talk')
    bag = comparison.folder / 'talk'
    write_talk(comparison.scene.bag, bag)
    scene = find_scene(bag)
    advance = comparison.step(f'Playing {scene.length_s:.0f} s of talk', scene.length_s)
    played = play(arrangements.node(), scene, comparison.folder / 'talk-play', advance)
    growth = growth_figures(match(scene.truths, played.observation.finals))
    return {'talk': {**played.figures, **growth}, 'talk_growth': growth['last_to_first']}


def _play_sequential(comparison: Comparison, train_env: Path | None) -> None:
    comparison.step('Writing the text model for transformers')
    try:
        torch = arrangements.find_torch(train_env, comparison.folder / 'torch')
    except ProcessError as error:
        comparison.missing['the sequential arrangement'] = str(error)
        return
    for name, silence_s in (
        (arrangements.SAME_SILENCE, arrangements.standing_silence()),
        (arrangements.SEQUENTIAL, arrangements.USUAL_SILENCE_S),
    ):
        comparison.play(name, arrangements.sequential(torch, silence_s))


def _node_figures(comparison: Comparison) -> Figures:
    ours = comparison.figures(arrangements.NODE) or {}
    without = comparison.figures(arrangements.WITHOUT) or {}
    lost = [ours.get(name) for name in ('frames_dropped', 'frames_not_received', 'frames_late')]
    return {
        **{name: value for name, value in ours.items() if not isinstance(value, dict)},
        'frames_dropped': sum(known)
        if len(known := [n for n in lost if n is not None]) == 3
        else None,
        'cpu_cores_without_asr': without.get('cpu_cores'),
    }


def _cut_off_figures(comparison: Comparison, in_dialogues: bool) -> Figures:
    """Return the rate in concatenated dialogues; without these, that in the recording."""
    found, source = None, 'the concatenated dialogues are left out'
    if in_dialogues:
        comparison.step('Counting cut-offs in concatenated dialogues')
        found, source = cut_off_figures()
        if found is None:
            comparison.missing['cut-offs in concatenated dialogues'] = source
    if found is None:
        ours = comparison.figures(arrangements.NODE) or {}
        found = {'cut_off_rate': ours.get('cut_off_rate_demo')}
        source = f'utterances of {comparison.scene.bag.name} that were cut in two, as {source}'
    return {**found, 'cut_off_source': source}


def _ratio_figures(comparison: Comparison) -> Figures:
    ours = comparison.figures(arrangements.NODE) or {}
    same = comparison.figures(arrangements.SAME_SILENCE)
    usual = comparison.figures(arrangements.SEQUENTIAL)
    return {
        'sequential_ratio': ratio(usual, _LATENCY, ours, _LATENCY),
        'sequential_ratio_same_silence': ratio(same, _LATENCY, ours, _LATENCY),
        'sequential_ratio_without_faces': ratio(usual, _LATENCY_WITHOUT_FACES, ours, _LATENCY),
        'sequential_ratio_same_silence_without_faces': ratio(
            same, _LATENCY_WITHOUT_FACES, ours, _LATENCY
        ),
        'sequential_silence_s': arrangements.USUAL_SILENCE_S,
        'standing_silence_s': arrangements.standing_silence(),
    }


def _timeline(comparison: Comparison) -> dict[str, Any] | None:
    """Return one utterance's timeline in the plays with transcription, for a drawing."""
    scene = comparison.scene
    left_out = (arrangements.FALLBACK, arrangements.WITHOUT)
    plays = {name: one for name, one in comparison.plays.items() if name not in left_out}
    if not plays:
        return None
    place = timeline.choose(scene.truths, [one.observation for one in plays.values()])
    if place is None:
        comparison.missing['the timeline'] = 'no utterance was found whole in all arrangements'
        return None
    truth = scene.truths[place]
    ways = {
        name: timeline.trace(
            match(scene.truths, one.observation.finals)[place], one.observation, one.stages
        )
        for name, one in plays.items()
    }
    last_s = max(way['published'] for way in ways.values())
    until_ns = truth.start_ns + int(last_s * NS_PER_S)
    return {**timeline.shared_timeline(truth, scene.sound, until_ns), 'ways': ways}


def _recording(scene: Scene) -> dict[str, Any]:
    return {
        'name': scene.bag.name,
        'played_s': scene.length_s,
        'utterances': len(scene.truths),
        'frames_per_s': scene.frames / scene.length_s,
        'image': scene.image_size,
    }


def _hardware() -> dict[str, Any]:
    model = next(
        (
            line.partition(':')[2].strip()
            for line in Path('/proc/cpuinfo').read_text().splitlines()
            if line.startswith('model name')
        ),
        'unknown',
    )
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return {
        'cpu': model,
        'cores': len(os.sched_getaffinity(0)),
        'memory_mb': round(memory / 1e6),
        'python': sys.version.split()[0],
    }
