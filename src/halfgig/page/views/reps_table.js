// Each repetition as a row: its time, its range, and how well it was done, as far as the report tells.
import { html } from "../base.js";
import { clock, figure, measured, percent } from "../format.js";
import { Icon } from "../parts/icon.js";
import { text } from "../strings.js";

/**
 * Columns that a report may have; shown where any rep has them.
 * @type {[string, (rep: any) => string | null][]}
 */
const COLUMNS = [
  [text.reps.tempo, (rep) => tempo(rep) || null],
  [text.reps.symmetry, (rep) => (typeof rep.symmetry === "number" ? percent(rep.symmetry) : null)],
  [text.reps.score, (rep) => (typeof rep.score === "number" ? String(Math.round(rep.score)) : null)],
  [text.reps.cue, (rep) => rep.reasons?.join(", ") || null],
];

export function RepTable({ report, time, seek }) {
  const rows = [...report.reps, ...report.attempts].sort((a, b) => a.start - b.start);
  const extra = COLUMNS.filter(([, of]) => rows.some((rep) => of(rep) !== null));
  const sided = rows.some((rep) => rep.side && rep.side !== "both");
  return html`<section aria-labelledby="reps">
    <h2 id="reps">${text.reps.table}</h2>
    <div class="table" tabindex="0" role="group" aria-labelledby="reps"><table>
      <thead><tr>
        ${[text.reps.number, text.reps.start, text.reps.length, text.reps.range].map((name) => html`<th key=${name} scope="col">${name}</th>`)}
        ${sided && html`<th scope="col">${text.reps.side}</th>`}
        ${extra.map(([name]) => html`<th key=${name} scope="col">${name}</th>`)}
      </tr></thead>
      <tbody>${rows.map((rep) => html`<${Row} key=${`${rep.partial} ${rep.start} ${rep.side}`} rep=${rep} unit=${report.unit} extra=${extra} sided=${sided} seek=${seek}
        current=${time >= rep.start && time < rep.end} />`)}</tbody>
    </table></div>
  </section>`;
}

function Row({ rep, unit, extra, sided, seek, current }) {
  const name = rep.partial ? text.reps.attempt : text.reps.rep(rep.number);
  return html`<tr class=${rep.partial ? "partial" : ""} aria-current=${current ? "true" : undefined}>
    <th scope="row">${seek
      ? html`<button type="button" class="quiet play" aria-label=${text.reps.play(name, rep.start)} onClick=${() => seek(rep.start)}><${Icon} name="play" />${name}</button>`
      : name}</th>
    <td>${clock(rep.start)}</td>
    <td>${figure(rep.seconds, " s")}</td>
    <td>${Math.round(rep.lowest)}–${measured(rep.highest, unit)}</td>
    ${sided && html`<td>${rep.side}</td>`}
    ${extra.map(([label, of]) => html`<td key=${label} class=${label === text.reps.cue ? "wide" : ""}>${of(rep) ?? ""}</td>`)}
  </tr>`;
}

/** The seconds down, held, and up, where a report tells them. */
export function tempo({ eccentric, pause, concentric }) {
  const parts = [eccentric, pause, concentric];
  return parts.every((part) => typeof part === "number") ? parts.map((part) => figure(part)).join(" / ") : "";
}
