// The parts of the page that touch no document: node --test, beside a copy of the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { curveOf, extremes, ofPoses, ofReps } from "./copy/curve.js";
import { clock, figure, measured, percent, several, size, span } from "./copy/format.js";
import { excerpt, occurrences, pieces } from "./copy/marked.js";
import { Poses } from "./copy/poses.js";
import { together } from "./copy/views/library_jobs.js";

test("sizes, times and spans are told as people say them", () => {
  assert.deepEqual([0, 999, 1000, 1536, 5 * 2 ** 20, 512 * 2 ** 20, 3 * 2 ** 30].map(size), [
    "0 B", "999 B", "1 kB", "2 kB", "5.0 MB", "512 MB", "3.0 GB",
  ]);
  assert.deepEqual([0, 5.9, 65, 3599, 3725].map(clock), ["0:00", "0:05", "1:05", "59:59", "1:02:05"]);
  assert.deepEqual([0.2, 40, 89, 90, 3600, 5400, 7800, 200_000].map(span), [
    "1 s", "40 s", "89 s", "2 min", "60 min", "1 h 30 min", "2 h 10 min", "2 days",
  ]);
  assert.deepEqual([0, 0.999, 1, 7, null].map(percent), ["0 %", "99 %", "100 %", "100 %", "0 %"]);
  assert.deepEqual([several(1, "rep"), several(8, "rep"), figure(1.25, " s"), figure(null)], ["1 rep", "8 reps", "1.3 s", "–"]);
  assert.deepEqual([measured(84.6, "degrees"), measured(40, "% of the trunk"), measured(7.2, null)], ["85°", "40 % of the trunk", "7"]);
  for (const tell of [size, clock, span]) assert.equal(tell(null), "");
});

test("found words are cut out, and nothing of the text is lost", () => {
  assert.deepEqual(pieces("a [[chip]] and [[two]]"), [
    { text: "a ", found: false }, { text: "chip", found: true }, { text: " and ", found: false }, { text: "two", found: true },
  ]);
  assert.deepEqual(pieces("an [[open end"), [{ text: "an [[open end", found: false }]);
  assert.deepEqual(occurrences("Chip by chip", "chip").map((piece) => piece.text), ["Chip", " by ", "chip"]);
  assert.deepEqual(occurrences("none", " "), [{ text: "none", found: false }]);
});

test("an excerpt begins shortly before the first found word and is short", () => {
  const long = pieces(`${"before ".repeat(100)}[[chip]] ${"after ".repeat(200)}`);
  const short = excerpt(long, 100);
  const text = short.map((piece) => piece.text).join("");
  assert.ok(text.startsWith("… before") && text.endsWith(" …") && text.length < 110, text);
  assert.ok(short.some((piece) => piece.found && piece.text === "chip"));
  assert.deepEqual(excerpt(pieces("short")), [{ text: "short", found: false }]);
});

/** A table of poses in which the right angle of the left knee opens to 180 degrees. */
function table() {
  const buffer = new ArrayBuffer(16 + 2 * 172);
  const view = new DataView(buffer);
  view.setUint32(0, 0x31504748, true);
  [172, 33, 100, 200].forEach((value, n) => view.setUint16(4 + 2 * n, value, true));
  const place = (n, landmark, x, y) => {
    view.setInt16(16 + n * 172 + 4 + 4 * landmark, x * 8192, true);
    view.setInt16(16 + n * 172 + 4 + 4 * landmark + 2, y * 8192, true);
    view.setUint8(16 + n * 172 + 4 + 4 * 33 + landmark, 255);
  };
  [[23, 0.5, 0.25], [25, 0.5, 0.5], [27, 1.0, 0.5]].forEach((one) => place(0, ...one));
  [[23, 0.5, 0.25], [25, 0.5, 0.5], [27, 0.5, 0.75]].forEach((one) => place(1, ...one));
  view.setUint32(16 + 172, 500, true);
  return buffer;
}

test("poses are read, found by their time, and measured in the picture", () => {
  const poses = new Poses(table());
  assert.deepEqual([poses.length, poses.time(1), poses.nearest(0.1), poses.nearest(0.4), poses.nearest(2)], [2, 0.5, 0, 1, -1]);
  assert.deepEqual([poses.point(0, 27), poses.point(0, 28)], [[1, 0.5], null]);
  assert.deepEqual(ofPoses(poses, "knee").map((column) => column.map(Math.round)), [[0, 1], [90, 180]]);
  assert.deepEqual(ofPoses(poses, "elbow")[1], [null, null]);
  const report = { signal: "knee", work: "low", reps: [], attempts: [] };
  assert.deepEqual([curveOf(report, poses)[0], curveOf({ ...report, signal: "wrist_height" }, poses)[0]], [[0, 0.5], []]);
  assert.throws(() => new Poses(new ArrayBuffer(16)), RangeError);
});

test("reps make a curve that turns where the work is, and have a best and a worst", () => {
  const rep = (number, start, range) => ({ number, start, turn: start + 1, end: start + 2, lowest: 170 - range, highest: 170, range });
  const reps = [rep(1, 0, 90), rep(2, 2.5, 70), rep(3, 40, 95)];
  assert.deepEqual(ofReps(reps.slice(0, 1), "low"), [[0, 1, 2], [170, 80, 170]]);
  assert.deepEqual(ofReps(reps.slice(0, 1), "high"), [[0, 1, 2], [80, 170, 80]]);
  const { best, worst } = extremes(reps);
  assert.deepEqual([best.number, worst.number, extremes(reps.slice(0, 1))], [3, 2, null]);
});

test("a job that newer ones hide is shown, once, and as the first answer tells it", () => {
  const [old, one, two] = [{ id: "01", state: "running" }, { id: "02", state: "queued" }, { id: "03", state: "queued" }];
  const newest = { jobs: [two, one] };
  assert.deepEqual(together(newest, { jobs: [old] }, { jobs: [{ ...one, state: "failed" }] }), [two, one, old]);
  assert.deepEqual(together(newest, null), [two, one]);
});
