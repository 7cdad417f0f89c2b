"""The drawn athlete: a script of reps becomes frames, and the truth about them: joint angles, times, counts.

Every angle is known because the body is built from it, so clips with exact truth can be made in any number.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from halfgig.demo.body import BAR_HALF, BAR_HEIGHT, EXERCISES, SIDE_NAMES, Body, standing
from halfgig.demo.drawing import Capsule, Slab, paint, room, shade_floor
from halfgig.records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from halfgig.demo.body import Depths, Point
    from halfgig.demo.drawing import Colour, Spot
    from halfgig.records import Pixels, Seconds

VIEWS = {"side": 0.0, "oblique": 45.0, "front": 90.0, "back": -90.0}  # degrees that the athlete turns to the camera
FULL_DEPTH = 0.6  # from which a beat is a rep; a shallower one is an attempt
CAMERA_DISTANCE, CAMERA_PITCH = 5.0, 6.0  # metres, degrees down

SKIN: Colour = (224, 172, 138)
HAIR: Colour = (62, 42, 32)
SHIRT: Colour = (58, 112, 176)
SHORTS: Colour = (48, 54, 72)
SHOE: Colour = (228, 92, 64)
IRON: Colour = (70, 72, 78)
OTHER_SHIRT: Colour = (118, 146, 96)
FEATURES: tuple[tuple[float, float, float, float, Colour], ...] = (  # metres to the left, ahead, above; radius; colour
    (0.036, 0.086, 0.018, 0.0125, (40, 34, 36)),
    (-0.036, 0.086, 0.018, 0.0125, (40, 34, 36)),
    (0.0, 0.108, -0.018, 0.019, SKIN),
    (0.0, 0.082, -0.062, 0.014, (176, 84, 78)),
    (0.095, -0.005, 0.0, 0.024, (206, 150, 120)),
    (-0.095, -0.005, 0.0, 0.024, (206, 150, 120)),
)


@dataclass(frozen=True, slots=True)
class Beat:
    """One movement: seconds to the turn, held there, back, and at rest after it; `depth` 1 is the full range."""

    there: Seconds = 1.0
    hold: Seconds = 0.2
    back: Seconds = 1.0
    rest: Seconds = 0.3
    depth: float = 1.0
    side: str = "both"

    @property
    def seconds(self) -> Seconds:
        """From start to the next start."""
        return self.there + self.hold + self.back + self.rest


@dataclass(frozen=True, slots=True)
class Script:
    """A clip: exercise, view (side, oblique, front, back), beats after `lead` seconds at rest, size and rate."""

    exercise: str
    beats: tuple[Beat, ...]
    view: str = "side"
    width: int = 480
    height: int = 640
    fps: int = 15
    lead: Seconds = 1.0
    bystander: bool = False
    mirrored: bool = False

    @property
    def seconds(self) -> Seconds:
        """Length of the clip."""
        return self.lead + sum(beat.seconds for beat in self.beats)


def steady(exercise: str, reps: int, tempo: Seconds = 2.5, **options: Any) -> Script:
    """A script of `reps` equal reps, `tempo` seconds each; alternating exercises change sides. Options as Script's."""
    if exercise not in EXERCISES:
        raise ValueError(f"the athlete cannot draw {exercise}: {', '.join(EXERCISES)}")
    sides = ("left", "right") if exercise.startswith("alternating") else ("both",)
    beats = tuple(
        Beat(0.4 * tempo, 0.08 * tempo, 0.4 * tempo, 0.12 * tempo, side=sides[number % len(sides)])
        for number in range(reps)
    )
    wide = exercise == "push-up" and options.get("view", "side") != "front"
    size = {"width": 640, "height": 480} if wide else {"width": 480, "height": 640}
    return Script(exercise, beats, **{**size, **options})


def bodies(script: Script) -> Iterator[tuple[Seconds, Body]]:
    """The body at each frame's time."""
    build = EXERCISES[script.exercise]
    for time, depths in _depths(script):
        yield time, build(depths)


def _depths(script: Script) -> Iterator[tuple[Seconds, Depths]]:
    """Each frame's time and how deep each side is into its work."""
    starts = [script.lead]
    for beat in script.beats:
        starts.append(starts[-1] + beat.seconds)
    current = 0
    for number in range(round(script.seconds * script.fps)):
        time = number / script.fps
        while current + 1 < len(script.beats) and time >= starts[current + 1]:
            current += 1
        beat = script.beats[current] if script.beats else Beat(depth=0)
        depth = beat.depth * _ease(beat, time - starts[current])
        yield time, {name: depth if beat.side in ("both", name) else 0.0 for name in SIDE_NAMES}


def _ease(beat: Beat, since: Seconds) -> float:
    """Share of the beat's depth `since` seconds after its start: smooth there, hold, smooth back."""
    if since <= 0 or since >= beat.there + beat.hold + beat.back:
        return 0.0
    if since < beat.there:
        return 0.5 - 0.5 * math.cos(math.pi * since / beat.there)
    if since <= beat.there + beat.hold:
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * (since - beat.there - beat.hold) / beat.back)


def truth(script: Script) -> dict[str, Any]:
    """What is true of the clip, as JSON values: counts, the times of reps and attempts, the angles of each frame."""
    rows = list(_timed(script))
    frames = [
        {"time": round(time, 4), **{name: round(value, 2) for name, value in body.angles().items()}}
        for time, body in bodies(script)
    ]
    return {
        **{name: value for name, value in asdict(script).items() if name != "beats"},
        "count": sum(beat.depth >= FULL_DEPTH for beat in script.beats),
        "reps": [row for row, beat in zip(rows, script.beats, strict=True) if beat.depth >= FULL_DEPTH],
        "attempts": [row for row, beat in zip(rows, script.beats, strict=True) if beat.depth < FULL_DEPTH],
        "frames": frames,
    }


def _timed(script: Script) -> Iterator[dict[str, Any]]:
    start = script.lead
    for beat in script.beats:
        turn, end = start + beat.there + beat.hold / 2, start + beat.there + beat.hold + beat.back
        times = {"start": start, "turn": turn, "end": end}
        yield {**{name: round(time, 4) for name, time in times.items()}, "side": beat.side, "depth": beat.depth}
        start += beat.seconds


def render(script: Script) -> Iterator[Frame]:
    """The clip's frames, drawn one at a time."""
    camera = Camera.of(script)
    scene = _scene(script, camera)
    for time, body in bodies(script):
        pixels = scene.copy()
        if script.bystander:
            onlooker = standing(math.sin(1.3 * time))
            paint(pixels, figure(onlooker, camera.moved(0.95, 1.6), OTHER_SHIRT))
        _cast_shadow(pixels, body, camera)
        paint(pixels, [*_gear(script, body, camera), *figure(body, camera, SHIRT)])
        yield Frame(time, np.ascontiguousarray(pixels[:, ::-1]) if script.mirrored else pixels)


@dataclass(frozen=True, slots=True)
class Camera:
    """Turns places in metres into pixels: `turn` and pitch in degrees, `zoom` pixels per metre at the athlete."""

    turn: float
    zoom: float
    center: Spot  # pixels at which `aim` appears
    aim: float  # metres above the floor
    shift: tuple[float, float] = (0.0, 0.0)  # metres that what it looks at stands aside and further away

    @classmethod
    def of(cls, script: Script) -> Camera:
        """The camera that has the whole exercise in view."""
        level = script.exercise == "push-up"
        tall = {"pull-up": 2.75, "push-up": 1.75 if script.view == "side" else 1.5}.get(script.exercise, 2.45)
        wide = 2.1 if level else 1.75 if script.exercise == "jumping jack" else 1.2
        zoom = min(script.height / tall, script.width / wide)
        aim = {"pull-up": 1.28, "push-up": 0.42}.get(script.exercise, 1.02)
        return cls(VIEWS[script.view], zoom, (script.width / 2, script.height * (0.62 if level else 0.5)), aim)

    def moved(self, aside: float, away: float) -> Camera:
        """The same camera for someone who stands elsewhere."""
        return Camera(self.turn, self.zoom, self.center, self.aim, (aside, away))

    def see(self, point: Point) -> tuple[float, float, float, float]:
        """(x, y) pixels, pixels per metre there, and metres away from the athlete's middle."""
        turn, pitch = math.radians(self.turn), math.radians(CAMERA_PITCH)
        across = float(point[0] * math.cos(turn) + point[2] * math.sin(turn)) + self.shift[0]
        away = float(-point[0] * math.sin(turn) + point[2] * math.cos(turn)) + self.shift[1]
        high = float(point[1]) - self.aim
        deep, up = away * math.cos(pitch) - high * math.sin(pitch), high * math.cos(pitch) + away * math.sin(pitch)
        scale = self.zoom * CAMERA_DISTANCE / (CAMERA_DISTANCE + deep)
        return self.center[0] + across * scale, self.center[1] - up * scale, scale, deep

    def depth(self, *points: Point) -> float:
        """How far away these places are on average, in metres from the athlete's middle."""
        return sum(self.see(point)[3] for point in points) / len(points)

    def rod(self, start: Point, end: Point, radii: tuple[float, float], colour: Colour, depth: float) -> Capsule:
        """A capsule between two places; radii in metres; `depth` is its place in the order of drawing."""
        x0, y0, scale0, _ = self.see(start)
        x1, y1, scale1, _ = self.see(end)
        return Capsule((x0, y0), (x1, y1), radii[0] * scale0, radii[1] * scale1, colour, depth)


def figure(body: Body, camera: Camera, shirt: Colour) -> list[Capsule | Slab]:
    """The shapes of a person; the parts of a limb are drawn together, in the limb's own order."""
    joints = body.joints
    shapes: list[Capsule | Slab] = [_trunk(body, camera, shirt), _pelvis(body, camera), _neck(body, camera)]
    for side in SIDE_NAMES:
        shapes += _arm(joints, side, camera) + _leg(joints, side, camera)
    return shapes + _head(body, camera)


def _trunk(body: Body, camera: Camera, shirt: Colour) -> Slab:
    joints = body.joints
    corners = [
        camera.see(_between(joints["left_shoulder"], joints["right_shoulder"], share)) for share in (0.10, 0.90)
    ] + [camera.see(_between(joints["left_hip"], joints["right_hip"], share)) for share in (0.98, 0.02)]
    first, second, third, fourth = ((x, y) for x, y, _, _ in corners)
    scale, depth = (sum(corner[part] for corner in corners) / 4 for part in (2, 3))
    return Slab((first, second, third, fourth), 0.088 * scale, shirt, depth)


def _pelvis(body: Body, camera: Camera) -> Capsule:
    left, right = body.joints["left_hip"], body.joints["right_hip"]
    ends = _between(left, right, 0.08), _between(left, right, 0.92)
    return camera.rod(*ends, (0.098, 0.098), SHORTS, camera.depth(left, right) + 0.02)


def _neck(body: Body, camera: Camera) -> Capsule:
    neck, head = body.joints["neck"], body.joints["head"]
    return camera.rod(neck, head, (0.055, 0.05), SKIN, camera.depth(neck, head))


def _between(start: Point, end: Point, share: float) -> Point:
    return start + share * (end - start)


def _arm(joints: dict[str, Point], side: str, camera: Camera) -> list[Capsule | Slab]:
    """A bare arm: the hem of a short sleeve would be taken for an elbow by the pose model."""
    shoulder, elbow, wrist, hand = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand"))
    depth = camera.depth(shoulder, elbow, wrist)
    return [
        camera.rod(shoulder, elbow, (0.064, 0.040), SKIN, depth),
        camera.rod(elbow, wrist, (0.044, 0.028), SKIN, depth - 0.002),
        camera.rod(wrist, hand, (0.030, 0.036), SKIN, depth - 0.003),
    ]


def _leg(joints: dict[str, Point], side: str, camera: Camera) -> list[Capsule | Slab]:
    hip, knee, ankle, toe = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toe"))
    hem, calf, heel = _between(hip, knee, 0.58), _between(knee, ankle, 0.32), _between(ankle, toe, -0.35)
    depth = camera.depth(hip, knee, ankle)
    return [
        camera.rod(hip, knee, (0.082, 0.056), SKIN, depth),
        camera.rod(knee, calf, (0.052, 0.058), SKIN, depth - 0.001),
        camera.rod(calf, ankle, (0.058, 0.036), SKIN, depth - 0.002),
        camera.rod(hip, hem, (0.096, 0.078), SHORTS, depth - 0.003),
        camera.rod(heel - [0, 0.025, 0], toe - [0, 0.012, 0], (0.044, 0.036), SHOE, depth - 0.004),
    ]


def _head(body: Body, camera: Camera) -> list[Capsule | Slab]:
    """Skull, hair and face; what lies on the far side is not drawn."""
    head, up, face = body.joints["head"], body.up, body.face
    depth, turned = camera.depth(head), camera.depth(head + 0.1 * face) - camera.depth(head)
    mane = head + 0.062 * up - 0.022 * face, head - 0.005 * up - 0.035 * face
    skull = head + 0.038 * up + 0.012 * face, head - 0.045 * up + 0.012 * face
    fringe = head + 0.105 * up + 0.03 * face, head + 0.10 * up - 0.05 * face
    return [
        camera.rod(*mane, (0.104, 0.094), HAIR, depth - turned),
        camera.rod(*skull, (0.093, 0.074), SKIN, depth),
        camera.rod(*fringe, (0.055, 0.07), HAIR, depth - 0.12),
        *_features(body, camera),
    ]


def _features(body: Body, camera: Camera) -> Iterator[Capsule | Slab]:
    """Eyes, nose, mouth and ears, as far as they are on the near side of the head."""
    head, up, face = body.joints["head"], body.up, body.face
    left, middle = np.cross(face, up), camera.depth(head)
    for aside, ahead, above, radius, colour in FEATURES:
        place = head + aside * left + ahead * face + above * up
        if (depth := camera.depth(place)) < middle + 0.03:
            yield camera.rod(place, place, (radius, radius), colour, depth - 0.13)


def _gear(script: Script, body: Body, camera: Camera) -> list[Capsule | Slab]:
    """The bar of a pull-up; dumb-bells in curling and pressing hands."""
    if script.exercise == "pull-up":
        start, end = (np.array([0.0, BAR_HEIGHT, sign * (BAR_HALF + 0.35)]) for sign in (-1, 1))
        return [camera.rod(start, end, (0.02, 0.02), IRON, camera.depth(start, end))]
    if script.exercise not in ("bicep curl", "alternating curl", "shoulder press"):
        return []
    hands, aside = [body.joints[f"{side}_hand"] for side in SIDE_NAMES], np.array([0.0, 0.0, 0.09])
    return [camera.rod(hand - aside, hand + aside, (0.042, 0.042), IRON, camera.depth(hand) + 0.04) for hand in hands]


def _scene(script: Script, camera: Camera) -> Pixels:
    floor = camera.see(np.array([0.0, 0.0, 0.0]))[1] / script.height
    return room(script.width, script.height, float(np.clip(floor - 0.10, 0.2, 0.95)))


def _cast_shadow(pixels: Pixels, body: Body, camera: Camera) -> None:
    floor = [camera.see(np.array([point[0], 0.0, point[2]])) for point in body.joints.values()]
    xs, ys = [spot[0] for spot in floor], [spot[1] for spot in floor]
    center = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    reach = 0.16 * camera.zoom
    shade_floor(pixels, center, ((max(xs) - min(xs)) / 2 + reach, (max(ys) - min(ys)) / 2 + 0.35 * reach))


def encode(frames: Iterable[Frame], path: Path, fps: int) -> None:
    """Write frames to a video file, H.264 where this PyAV has it, else MPEG-4; one frame is held at a time."""
    import av

    codec: Literal["libx264", "mpeg4"] = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, pix_fmt="yuv420p")
        for number, frame in enumerate(frames):
            if number == 0:
                stream.height, stream.width = frame.pixels.shape[:2]
            picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def write(script: Script, video: Path, answers: Path) -> None:
    """Draw the clip into `video` and its truth into `answers`, as JSON."""
    encode(render(script), video, script.fps)
    answers.write_text(json.dumps(truth(script)) + "\n", encoding="utf-8")
