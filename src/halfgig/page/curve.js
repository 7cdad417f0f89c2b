// The angle of a source over time, as columns for a chart: of its poses, or of its repetitions alone. Pure.

import { ANGLES } from "./poses.js";

/** The joint whose angle tells an exercise, for reports that do not say it. */
const JOINT_OF = {
  squat: "knee", lunge: "knee", "leg press": "knee", "high knees": "hip", "mountain climber": "hip", deadlift: "hip", "sit-up": "hip",
  "push-up": "elbow", "bicep curl": "elbow", "alternating curl": "elbow", "pull-up": "elbow", "shoulder press": "elbow", dip: "elbow",
  "jumping jack": "shoulder", "front raise": "shoulder",
};

const MOST = 4000; // points: more than any screen has columns

/** The joint whose angle is drawn: the one that the report tells of, where it is one that can be drawn. */
export function jointOf({ signal, exercise }) {
  return signal in ANGLES ? signal : (JOINT_OF[exercise] ?? "knee");
}

/** Of every pose, or of every n-th where there are many. @returns {[number[], number[]]} seconds and degrees */
export function ofPoses(poses, joint) {
  const step = Math.max(1, Math.ceil(poses.length / MOST));
  const [times, degrees] = [[], []];
  for (let n = 0; n < poses.length; n += step) {
    const angle = poses.angle(n, joint);
    times.push(poses.time(n));
    degrees.push(Number.isFinite(angle) ? angle : null);
  }
  return [times, degrees];
}

/** Of repetitions: at rest, at the turn, at rest. */
export function ofReps(reps) {
  const points = new Map();
  for (const rep of reps) {
    points.set(rep.start, rep.highest);
    points.set(rep.turn, rep.lowest);
    points.set(rep.end, rep.highest);
  }
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  return [sorted.map(([time]) => time), sorted.map(([, angle]) => angle)];
}

/** The best and the worst of the reps: by their score where they have one, else by how far they go. */
export function extremes(reps) {
  const worth = (rep) => rep.score ?? rep.range;
  const ranked = [...reps].sort((a, b) => worth(b) - worth(a));
  return ranked.length < 2 ? null : { best: ranked[0], worst: ranked.at(-1) };
}

/** Runs of reps with pauses of less than `pause` seconds between them. */
export function setsOf(reps, pause = 8) {
  const sets = [];
  for (const rep of [...reps].sort((a, b) => a.start - b.start)) {
    const last = sets.at(-1);
    if (last && rep.start - last.end <= pause) Object.assign(last, { end: rep.end, count: last.count + 1 });
    else sets.push({ start: rep.start, end: rep.end, count: 1 });
  }
  return sets;
}
