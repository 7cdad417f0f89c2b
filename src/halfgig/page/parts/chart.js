// A curve over time with a limit, drawn by uPlot; what it shows is also said in words beside it.
import { html, useEffect, useRef } from "../base.js";
import { axisIn, colours, keepDrawn } from "./plot.js";

const FAR = 8; // times the highest value, from which a limit is told in words only

/**
 * @param {{points: [number, number][], limit: number | null, unit: string, height: number, label: string}} props
 *   points are (Unix seconds, value)
 */
export function Chart({ points, limit: whole, unit, height, label }) {
  const limit = inSight(whole, points);
  const box = useRef(null);
  const plot = useRef(null);
  const columns = columnsOf(points, limit);
  const newest = useRef(columns);
  newest.current = columns;
  useEffect(() => keepDrawn(box.current, plot, () => optionsOf(box.current, { limit, unit, height }), () => newest.current), [limit, unit, height]);
  useEffect(() => plot.current?.setData(columns), [points]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box}></div>`;
}

/** The limit, where a curve beside it would not lie flat on the ground; else null. */
function inSight(limit, points) {
  const highest = points.reduce((most, [, value]) => Math.max(most, value), 0);
  return limit !== null && limit <= FAR * highest ? limit : null;
}

function columnsOf(points, limit) {
  const times = points.map(([time]) => time);
  const values = points.map(([, value]) => value);
  return limit === null ? [times, values] : [times, values, times.map(() => limit)];
}

function optionsOf(box, { limit, unit, height }) {
  const colour = colours(box);
  const axis = axisIn(colour);
  const curve = { label: unit, stroke: colour("--accent"), fill: colour("--accent-soft"), width: 2, points: { show: false } };
  const line = { label: "limit", stroke: colour("--bad"), width: 1.5, dash: [6, 4], points: { show: false } };
  return {
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, _low, high) => [0, Math.max(1, limit ?? 0, high) * 1.08] } },
    axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map((tick) => hour(tick, ticks.at(-1) - ticks[0] < 600)) }, { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => `${tick}`) }],
    series: limit === null ? [{}, curve] : [{}, curve, line],
  };
}

/** Unix seconds as the reader's clock shows them. */
function hour(seconds, exact) {
  /** @type {Intl.DateTimeFormatOptions} */
  const parts = { hour: "2-digit", minute: "2-digit", ...(exact ? { second: "2-digit" } : {}) };
  return new Date(1000 * seconds).toLocaleTimeString("en-GB", parts);
}
