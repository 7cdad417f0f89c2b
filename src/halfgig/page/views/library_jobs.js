// A job as a row of the library.
import { html } from "../base.js";
import { ask, mayChange } from "../api.js";
import { useAttempt } from "../asked.js";
import { percent } from "../format.js";
import { JobBadge } from "../parts/badge.js";
import { Bar } from "../parts/bar.js";
import { Trouble } from "../parts/states.js";
import { address } from "../router.js";
import { text } from "../strings.js";
import { isFinal } from "../watching.js";

/** What people call a job's source. */
export function titleOf(job) {
  return job.source.title || job.source.url || text.library.untitled;
}

/** The jobs of several answers, newest first; of one that is in several, what the first of them tells. */
export function together(...answers) {
  const jobs = answers.flatMap((answer) => answer?.jobs ?? []).reverse();
  return [...new Map(jobs.map((job) => [job.id, job])).values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

export function JobRow({ job, again }) {
  const { attempt, refused } = useAttempt();
  const act = (what, method = "POST") => attempt(() => ask(`/jobs/${job.id}${what}`, { method })).then(again);
  return html`<li class="row" data-state=${job.state}>
    <div class="row-text">
      <p class="name"><a href=${address(["jobs", job.id])}>${titleOf(job)}</a> <${JobBadge} state=${job.state} /> <span class="muted">${text.job.kinds[job.kind]}</span></p>
      ${job.state === "running" && html`<${Bar} fraction=${job.progress.fraction} label=${text.job.progress} />`}
      <p class=${job.problem ? "bad" : "muted"}>${wordsOf(job)}</p>
      ${refused && html`<${Trouble} problem=${refused} />`}
    </div>
    ${mayChange.value && html`<div class="row-buttons">
      ${!isFinal(job.state) && html`<button type="button" class="quiet" onClick=${() => act("/cancel")}>${text.upload.cancel}</button>`}
      ${job.state === "failed" && html`
        <button type="button" onClick=${() => act("/retry")}>${text.job.retry}</button>
        <button type="button" class="quiet" onClick=${() => act("", "DELETE")}>${text.job.forget}</button>`}
    </div>`}
  </li>`;
}

function wordsOf(job) {
  if (job.problem) return job.problem.detail;
  if (job.state === "queued") return job.attempt ? text.job.retrying(job.attempt) : text.job.waiting;
  return `${text.job.stages[job.progress.stage] ?? ""} ${job.progress.fraction ? percent(job.progress.fraction) : ""}`;
}
