// The server at work: memory, workers, queue, disk, models.
import { html } from "../base.js";
import { ask, mayChange } from "../api.js";
import { useAsked, useAttempt } from "../asked.js";
import { percent, size, span } from "../format.js";
import { Bar } from "../parts/bar.js";
import { Chart } from "../parts/chart.js";
import { Heading } from "../parts/heading.js";
import { Loading, Trouble } from "../parts/states.js";
import { Sure } from "../parts/sure.js";
import { address } from "../router.js";
import { text } from "../strings.js";

const LOOK = 3000; // milliseconds
const MB = 1024 * 1024;
const told = text.operations;

export function OperationsView() {
  const { data, problem, again } = useAsked("/operations", LOOK);
  const { attempt, refused } = useAttempt();
  const act = (path, method) => attempt(() => ask(path, { method })).then(again);
  return html`
    <${Heading} title=${told.title} />
    ${problem && !data && html`<${Trouble} problem=${problem} again=${again} />`}
    ${!data && !problem && html`<${Loading} />`}
    ${data && html`
      <${Memory} data=${data} />
      <div class="tiles"><${Queue} queue=${data.queue ?? {}} /><${Disk} disk=${data.disk ?? {}} /><${About} data=${data} /></div>
      ${refused && html`<${Trouble} problem=${refused} />`}
      <${Workers} workers=${data.workers ?? []} act=${mayChange.value ? act : null} />
      <${Models} models=${data.models ?? []} act=${mayChange.value ? act : null} />`}
  `;
}

function Memory({ data }) {
  const points = (data.memory ?? []).map(([time, held]) => [time, held / MB]);
  const share = data.limit_bytes ? data.memory_bytes / data.limit_bytes : null;
  return html`<section class="panel" aria-labelledby="memory">
    <h2 id="memory">${told.memory}</h2>
    <p><span class="big">${size(data.memory_bytes)}</span> <span class="muted">${data.limit_bytes ? told.of(data.limit_bytes) : ""}${share !== null && share >= 0.01 ? `, ${percent(share)}` : ""} · ${told.memoryLead}</span></p>
    ${points.length > 0
      ? html`<${Chart} label=${`${told.memory}: ${size(data.memory_bytes)}`} points=${points} limit=${data.limit_bytes ? data.limit_bytes / MB : null} unit="MB" height=${220} />`
      : html`<p class="muted">${told.noHistory}</p>`}
  </section>`;
}

function Queue({ queue }) {
  const states = ["queued", "running", "succeeded", "failed", "cancelled"].filter((state) => queue[state] !== undefined);
  return html`<section class="panel" aria-labelledby="queue"><h2 id="queue">${told.queue}</h2>
    <dl class="pairs">${states.map((state) => html`<div key=${state}><dt>${text.job.states[state]}</dt><dd>${queue[state]}</dd></div>`)}</dl>
  </section>`;
}

function Disk({ disk }) {
  const rows = [[told.uploads, disk.uploads_bytes], [told.library, disk.library_bytes], [told.drawings, disk.drawings_bytes], [told.free, disk.free_bytes]];
  const used = (disk.uploads_bytes ?? 0) + (disk.library_bytes ?? 0) + (disk.drawings_bytes ?? 0);
  const all = used + (disk.free_bytes ?? 0);
  return html`<section class="panel" aria-labelledby="disk"><h2 id="disk">${told.disk}</h2>
    ${all > 0 && html`<${Bar} fraction=${used / all} label=${told.disk} />`}
    <dl class="pairs">${rows.filter(([, bytes]) => bytes !== undefined).map(([name, bytes]) => html`<div key=${name}><dt>${name}</dt><dd>${size(bytes)}</dd></div>`)}</dl>
  </section>`;
}

function About({ data }) {
  return html`<section class="panel" aria-labelledby="about"><h2 id="about">${told.about}</h2>
    <dl class="pairs">
      <div><dt>${told.version}</dt><dd>${data.version}</dd></div>
      <div><dt>${told.uptime}</dt><dd>${span(data.uptime_seconds)}</dd></div>
      ${data.limit_bytes && html`<div><dt>${told.limit}</dt><dd>${size(data.limit_bytes)}</dd></div>`}
    </dl>
  </section>`;
}

/** What is at work; `act` is null where nothing may be changed. */
function Workers({ workers, act }) {
  return html`<section aria-labelledby="workers"><h2 id="workers">${told.workers}</h2>
    ${!workers.length && html`<p class="muted">${told.noWorkers}</p>`}
    ${workers.length > 0 && html`<div class="table" tabindex="0" role="group" aria-labelledby="workers"><table>
      <thead><tr><th scope="col">${told.kind}</th><th scope="col">${told.process}</th><th scope="col">${told.holds}</th><th scope="col">${told.job}</th>${act && html`<th scope="col"><span class="hidden">${told.actions}</span></th>`}</tr></thead>
      <tbody>${workers.map((worker) => html`<tr key=${worker.pid}>
        <th scope="row">${text.job.kinds[worker.kind] ?? worker.kind}</th><td>${worker.pid}</td><td>${size(worker.bytes)}</td>
        <td>${worker.job ? html`<a href=${address(["jobs", worker.job])}>${worker.job.slice(-6)}</a>` : "–"}</td>
        ${act && html`<td>${worker.job && html`<button type="button" class="quiet" onClick=${() => act(`/jobs/${worker.job}/cancel`, "POST")}>${text.job.cancel}</button>`}</td>`}</tr>`)}</tbody>
    </table></div>`}
  </section>`;
}

function Models({ models, act }) {
  return html`<section aria-labelledby="models"><h2 id="models">${told.models}</h2>
    ${!models.length && html`<p class="muted">${told.noModels}</p>`}
    ${models.length > 0 && html`<div class="table" tabindex="0" role="group" aria-labelledby="models"><table>
      <thead><tr><th scope="col">${told.model}</th><th scope="col">${told.size}</th>${act && html`<th scope="col"><span class="hidden">${told.actions}</span></th>`}</tr></thead>
      <tbody>${models.map((model) => html`<tr key=${model.name}><th scope="row">${model.name}</th><td>${size(model.bytes)}</td>
        ${act && html`<td><${Sure} label=${html`${told.remove} <span class="hidden">${model.name}</span>`} question=${told.sure} run=${() => act(`/models/${model.name.split("/").map(encodeURIComponent).join("/")}`, "DELETE")} /></td>`}</tr>`)}</tbody>
    </table></div>`}
  </section>`;
}

