// A job in progress: how far it is, what it has found, what it holds, what went wrong.
import { html, useEffect, useState } from "../base.js";
import { ask, mayChange } from "../api.js";
import { useAsked, useAttempt } from "../asked.js";
import { clock, percent } from "../format.js";
import { JobBadge } from "../parts/badge.js";
import { Bar } from "../parts/bar.js";
import { Heading } from "../parts/heading.js";
import { Icon } from "../parts/icon.js";
import { Loading, Trouble } from "../parts/states.js";
import { Sure } from "../parts/sure.js";
import { address, go } from "../router.js";
import { text } from "../strings.js";
import { isFinal, watchJob } from "../watching.js";
import { Failures } from "./job_failures.js";
import { Found, hearing, nothingFound } from "./job_found.js";
import { JobMemory } from "./job_memory.js";
import { titleOf } from "./library_jobs.js";

const LOOK = 3000; // milliseconds between two looks at the place in the queue
const UNSPOKEN = ["reindex", "drawing"]; // kinds that find neither words nor repetitions
const COUNTED = ["reps", "drawing"]; // kinds that lead to the repetitions

export function JobView({ id }) {
  const { data: job, problem, again } = useAsked(`/jobs/${encodeURIComponent(id)}`, 0);
  const [progress, setProgress] = useState(null);
  const [found, setFound] = useState(nothingFound);
  const [watched, setWatched] = useState(0);
  const { attempt, refused } = useAttempt();
  useEffect(() => {
    setFound(nothingFound);
    setProgress(null);
    return watchJob(id, hear, again);
  }, [id, watched]);
  const hear = (kind, data) => {
    if (kind === "progress") setProgress(data);
    else setFound((was) => hearing(was, kind, data));
    if (kind === "state") again();
  };
  const act = async (what) => {
    await attempt(async () => {
      await ask(`/jobs/${encodeURIComponent(id)}${what}`, { method: "POST" });
      if (what === "/retry") setWatched((n) => n + 1);
    });
    again();
  };
  if (problem && !job) return html`<${Heading} title=${text.job.title("")} /><${Trouble} problem=${problem} again=${again} />`;
  if (!job) return html`<${Heading} title=${text.job.title("")} /><${Loading} />`;
  const now = { ...job.progress, ...(progress ?? {}) };
  return html`
    <${Heading} title=${titleOf(job)}><${JobBadge} state=${job.state} /><span class="muted">${text.job.kinds[job.kind]}</span><//>
    <div class="job">
      <${State} job=${job} now=${now} />
      <${Buttons} job=${job} act=${act} attempt=${attempt} />
      ${refused && html`<${Trouble} problem=${refused} />`}
      <div class="job-columns">
        ${!UNSPOKEN.includes(job.kind) && html`<${Found} job=${job} found=${found} />`}
        <div>
          ${!isFinal(job.state) && html`<${JobMemory} id=${id} />`}
          <${Failures} job=${job} />
        </div>
      </div>
    </div>
  `;
}

function State({ job, now }) {
  if (job.state === "queued") return html`<${Waiting} job=${job} />`;
  if (job.state === "running") return html`<${Running} job=${job} now=${now} />`;
  if (job.state === "failed") return html`<${Trouble} problem=${{ detail: job.problem?.detail ?? text.job.failed, remedy: job.problem?.remedy ?? "" }} />`;
  if (job.state === "cancelled") return html`<div class="note"><p><strong>${text.job.cancelled}.</strong> ${text.job.cancelledLead}</p></div>`;
  return html`<p class="good big"><${Icon} name="check" />${doneWords(job)}</p>`;
}

function doneWords(job) {
  const took = job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null;
  return [text.job.done, took === null ? "" : text.job.took(took), job.peak_bytes ? text.job.held(job.peak_bytes) : ""].filter(Boolean).join(" · ");
}

function Waiting({ job }) {
  const { data } = useAsked(`/jobs/${encodeURIComponent(job.id)}`, LOOK);
  const ahead = data?.position ?? job.position ?? 0;
  const later = Date.parse(job.run_after) > Date.now() + 1000;
  return html`<div class="progress" role="status">
    <${Bar} fraction=${job.progress.fraction ?? 0} label=${text.job.progress} tone="still" />
    ${job.attempt > 0 && html`<p class="warn"><${Icon} name="warn" />${text.job.retrying(job.attempt)}</p>`}
    <p>${later ? text.job.later(new Date(job.run_after).toLocaleTimeString("en")) : text.job.ahead(ahead)}. ${text.job.waiting}</p>
  </div>`;
}

function Running({ job, now }) {
  return html`<div class="progress">
    <div class="progress-head">
      <span class="big">${now.fraction === null || now.fraction === undefined ? "" : percent(now.fraction)}</span>
      <span>${text.job.stages[now.stage] ?? now.stage ?? ""}</span>
    </div>
    <${Bar} fraction=${now.fraction ?? null} label=${text.job.progress} />
    <p class="muted facts">
      ${now.duration ? html`<span>${text.job.of(now.position ?? 0, now.duration)}</span>` : now.position ? html`<span>${clock(now.position)}</span>` : ""}
      ${now.speed ? html`<span>${text.job.speed(now.speed)}</span>` : ""}
      ${now.remaining ? html`<span>${text.job.left(now.remaining)}</span>` : ""}
      ${job.attempt > 1 ? html`<span>${text.job.attempt(job.attempt)}</span>` : ""}
    </p>
  </div>`;
}

function Buttons({ job, act, attempt }) {
  const id = job.source_id ?? job.result?.source_id;
  const forget = () => attempt(async () => {
    await ask(`/jobs/${job.id}`, { method: "DELETE" });
    go(address([]));
  });
  return html`<div class="buttons">
    ${job.state === "succeeded" && id && html`<a class="button main" href=${address(["videos", id, ...(COUNTED.includes(job.kind) ? ["reps"] : [])])}>
      ${COUNTED.includes(job.kind) ? text.job.openReps : text.job.open}</a>`}
    ${mayChange.value && !isFinal(job.state) && html`<button type="button" onClick=${() => act("/cancel")}>${text.job.cancel}</button>`}
    ${mayChange.value && ["failed", "cancelled"].includes(job.state) && html`<button type="button" class="main" onClick=${() => act("/retry")}>${text.job.retry}</button>`}
    ${mayChange.value && isFinal(job.state) && html`<${Sure} label=${text.job.forget} question=${text.video.sure} run=${forget} />`}
  </div>`;
}

