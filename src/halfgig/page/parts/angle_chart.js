// The angle over time with the repetitions on it: hover reads it, click seeks, dragging zooms.
import { html, useEffect, useRef } from "../base.js";
import { clock, figure, measured } from "../format.js";
import { text } from "../strings.js";
import { axisIn, colours, keepDrawn } from "./plot.js";

const HEIGHT = 240;

/**
 * @param {{columns: [number[], number[]], reps: any[], attempts: any[], sets: any[], time: number, seek: (t: number) => void,
 *   label: string, signal: string, unit: string}} props
 */
export function AngleChart({ columns, reps, attempts, sets, time, seek, label, signal, unit }) {
  const box = useRef(null);
  const plot = useRef(null);
  const now = useRef({ reps, attempts, sets, time, seek });
  now.current = { reps, attempts, sets, time, seek };
  useEffect(() => keepDrawn(box.current, plot, () => optionsOf(box.current, now, signal, unit), () => columns), [columns]);
  useEffect(() => plot.current?.redraw(false), [time]);
  return html`<div class="chart angle" role="img" aria-label=${label} ref=${box}></div>
    <p><button type="button" class="quiet" onClick=${() => plot.current && save(plot.current.ctx.canvas, box.current)}>${text.reps.plot}</button></p>`;
}

/** Have the browser keep what is drawn as a picture, on the ground that it has on the page. */
function save(drawn, box) {
  const picture = Object.assign(document.createElement("canvas"), { width: drawn.width, height: drawn.height });
  const pen = picture.getContext("2d");
  pen.fillStyle = colours(box)("--bg");
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(drawn, 0, 0);
  picture.toBlob((blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "repetitions.png" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

function optionsOf(box, now, signal, unit) {
  const colour = colours(box);
  const axis = axisIn(colour);
  return {
    height: HEIGHT,
    legend: { show: true, live: true },
    cursor: { drag: { x: true, y: false }, points: { size: 8 }, bind: { click: (plot) => () => clicked(plot, now) } },
    scales: { x: { time: false } },
    axes: [{ ...axis, space: 60, values: (_, ticks) => ticks.map((tick) => (ticks[1] - ticks[0] < 1 ? figure(tick, " s") : clock(tick))) }, { ...axis, size: 48 }],
    series: [
      { label: "time", value: (_, value) => clock(value) },
      { label: signal ?? text.reps.range, stroke: colour("--accent"), width: 2, points: { show: false }, spanGaps: false, value: (_, value) => (value === null ? "–" : measured(value, unit)) },
    ],
    hooks: { drawAxes: [(plot) => drawBands(plot, now.current, colour)], draw: [(plot) => drawHead(plot, now.current.time, colour)] },
  };
}

/** A click that was no drag seeks there. */
function clicked(plot, now) {
  if (plot.select.width > 3) return;
  const at = plot.posToVal(plot.cursor.left, "x");
  if (Number.isFinite(at)) now.current.seek(Math.max(0, at));
}

function drawBands(plot, { reps, attempts, sets }, colour) {
  const pen = plot.ctx;
  pen.save();
  pen.beginPath();
  pen.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  pen.clip();
  for (const rep of reps) band(plot, rep, colour("--accent-soft"), colour("--text"), String(rep.number));
  for (const attempt of attempts) band(plot, attempt, colour("--warn-soft"), colour("--warn"), "–");
  for (const set of sets) underline(plot, set, colour("--muted"));
  pen.restore();
}

/** A set is a line along the bottom, from its first rep to its last. */
function underline(plot, set, ink) {
  const [left, right] = [set.start, set.end].map((at) => plot.valToPos(at, "x", true));
  plot.ctx.fillStyle = ink;
  plot.ctx.fillRect(left, plot.bbox.top + plot.bbox.height - 4 * devicePixelRatio, right - left, 4 * devicePixelRatio);
}

function band(plot, rep, fill, ink, words) {
  const [left, right] = [rep.start, rep.end].map((at) => plot.valToPos(at, "x", true));
  const pen = plot.ctx;
  pen.fillStyle = fill;
  pen.fillRect(left + 1, plot.bbox.top, Math.max(1, right - left - 2), plot.bbox.height);
  pen.fillStyle = ink;
  pen.font = `600 ${12 * devicePixelRatio}px system-ui`;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  if (right - left > 10 * devicePixelRatio) pen.fillText(words, (left + right) / 2, plot.bbox.top + 4 * devicePixelRatio);
}

function drawHead(plot, time, colour) {
  const x = plot.valToPos(time, "x", true);
  if (!(x >= plot.bbox.left && x <= plot.bbox.left + plot.bbox.width)) return;
  plot.ctx.fillStyle = colour("--bad");
  plot.ctx.fillRect(x - devicePixelRatio, plot.bbox.top, 2 * devicePixelRatio, plot.bbox.height);
}
