// What a job has found so far: text as it is recognised, repetitions as they are counted.
import { html, useEffect, useRef } from "../base.js";
import { clock, several } from "../format.js";
import { text } from "../strings.js";
import { isFinal } from "../watching.js";

const MOST_SHOWN = 200; // segments: ten hours of speech have thousands, and the transcript has them all

/** @typedef {{segments: any[], earlier: number, reps: any[], attempts: number, notes: string[]}} Finds */
export const nothingFound = { segments: [], earlier: 0, reps: [], attempts: 0, notes: [] };

/** What was found, with one more event. */
export function hearing(was, kind, data) {
  if (kind === "segment") return withSegment(was, data);
  if (kind === "rep") return data.partial ? { ...was, attempts: was.attempts + 1 } : { ...was, reps: [...was.reps, data] };
  if (kind === "note") return { ...was, notes: [...was.notes, data.text] };
  return was;
}

/** Where other content is begun anew, what was heard of the old one goes. */
function withSegment(was, segment) {
  const kept = was.segments.filter((one) => one.start < segment.start);
  const all = [...kept, segment];
  const extra = Math.max(0, all.length - MOST_SHOWN);
  return { ...was, segments: all.slice(extra), earlier: was.earlier + extra };
}

function titleOf({ kind, state }) {
  const done = state === "succeeded";
  return kind === "reps" ? (done ? text.job.counted : text.job.reps) : done ? text.job.said : text.job.text;
}

export function Found({ job, found }) {
  return html`<section aria-labelledby="found">
    <h2 id="found">${titleOf(job)}</h2>
    ${job.kind === "reps" ? html`<${Reps} job=${job} found=${found} />` : html`<${Words} found=${found} />`}
    ${[...new Set([...found.notes, ...job.notes])].map((note) => html`<p class="note" key=${note}>${note}</p>`)}
  </section>`;
}

function Words({ found }) {
  const box = useRef(null);
  useEffect(() => {
    const { scrollHeight, scrollTop, clientHeight } = box.current ?? { scrollHeight: 0, scrollTop: 0, clientHeight: 0 };
    if (scrollHeight - scrollTop - clientHeight < 200) box.current?.scrollTo(0, scrollHeight);
  }, [found.segments.length]);
  return html`<div class="live" ref=${box} role="log" aria-live="off" tabindex="0" aria-labelledby="found">
    ${found.earlier > 0 && html`<p class="muted">${text.job.earlier(found.earlier)}</p>`}
    ${!found.segments.length && html`<p class="muted">${text.job.noText}</p>`}
    ${found.segments.map((segment) => html`<p key=${segment.start}><span class="time">${clock(segment.start)}</span> ${segment.text}</p>`)}
  </div>`;
}

function Reps({ job, found }) {
  const result = job.result?.count;
  const count = result ?? found.reps.length;
  const later = result === undefined && !job.options.exercise && !isFinal(job.state);
  return html`<div class="count" role="status">
    <p class="number">${count}</p>
    <p>${job.result?.exercise && job.result.exercise !== "none" ? job.result.exercise : several(count, "repetition").replace(/^\d+ /, "")}</p>
    ${later && html`<p class="muted">${text.job.repsLater}</p>`}
  </div>`;
}
