// The angle of a source over time, as columns for a chart: of its poses, or of its repetitions alone. Pure.

import { ANGLES } from "./poses.js";

const MOST = 4000; // points: more than any screen has columns

/** The curve of a report's signal: of every pose where it is an angle that the poses tell, else of the repetitions alone. */
export function curveOf(report, poses) {
  if (poses?.length && report.signal in ANGLES) return ofPoses(poses, report.signal);
  return ofReps([...report.reps, ...report.attempts], report.work);
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

/** Of repetitions: at rest, at the turn, at rest. `work` is the end of the range at which they turn: low or high. */
export function ofReps(reps, work) {
  const [rest, turn] = work === "high" ? ["lowest", "highest"] : ["highest", "lowest"];
  const points = new Map();
  for (const rep of reps) {
    points.set(rep.start, rep[rest]);
    points.set(rep.turn, rep[turn]);
    points.set(rep.end, rep[rest]);
  }
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  return [sorted.map(([time]) => time), sorted.map(([, value]) => value)];
}

/** The best and the worst of the reps: by their score where they have one, else by how far they go. */
export function extremes(reps) {
  const worth = (rep) => rep.score ?? rep.range;
  const ranked = [...reps].sort((a, b) => worth(b) - worth(a));
  return ranked.length < 2 ? null : { best: ranked[0], worst: ranked.at(-1) };
}
