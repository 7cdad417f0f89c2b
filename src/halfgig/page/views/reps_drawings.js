// What may be drawn of a count: a plot, the video drawn on, landmarks. A job makes each when it is wanted.
import { html, useEffect } from "../base.js";
import { ask, mayChange } from "../api.js";
import { useAsked, useAttempt } from "../asked.js";
import { percent, size } from "../format.js";
import { Bar } from "../parts/bar.js";
import { Trouble } from "../parts/states.js";
import { text } from "../strings.js";
import { isFinal } from "../watching.js";

const LOOK = 1000; // milliseconds
const told = text.drawings;

export function Drawings({ source }) {
  const { data, again } = useAsked(source.links.drawings);
  const { attempt, refused } = useAttempt();
  if (!data) return null;
  const obstacles = [...new Set(data.drawings.map((one) => one.obstacle).filter(Boolean))];
  const make = (drawing) => attempt(() => ask(drawing.address, { method: "POST" })).then(again);
  return html`<section aria-labelledby="drawings">
    <h2 id="drawings">${told.title}</h2>
    <ul class="drawings">
      ${data.drawings.filter((one) => !one.obstacle || one.bytes !== null).map((one) => html`<${Row} key=${one.name} drawing=${one} make=${make} again=${again} />`)}
    </ul>
    ${obstacles.map((why) => html`<p class="muted" key=${why}>${why}</p>`)}
    ${refused && html`<${Trouble} problem=${refused} />`}
  </section>`;
}

function Row({ drawing, make, again }) {
  const name = told.names[drawing.name];
  return html`<li>
    <p class="drawing"><strong>${name}</strong> <span class="muted">${told.leads[drawing.name]}</span></p>
    ${drawing.job ? html`<${AtWork} job=${drawing.job} name=${name} again=${again} />`
      : drawing.bytes !== null ? html`<a class="button" href=${drawing.address} download>${told.download} <span class="hidden">${name}</span> <span class="muted">${size(drawing.bytes)}</span></a>`
      : mayChange.value && html`<button type="button" onClick=${() => make(drawing)}>${told.make} <span class="hidden">${name}</span></button>`}
  </li>`;
}

/** How far the job is; what it made is listed anew when it has ended. */
function AtWork({ job, name, again }) {
  const { data } = useAsked(job, LOOK);
  const ended = data && isFinal(data.state);
  useEffect(() => {
    if (ended && data.state !== "failed") again();
  }, [ended]);
  if (data?.state === "failed") return html`<${Trouble} problem=${data.problem} again=${again} />`;
  const { fraction, remaining } = data?.progress ?? {};
  const words = fraction ? [percent(fraction), remaining ? text.job.left(remaining) : ""] : [text.job.states[data?.state ?? "queued"]];
  return html`<div class="drawing-work" role="status">
    <${Bar} fraction=${fraction ?? null} label=${told.making(name)} />
    <span class="muted">${words.filter(Boolean).join(" · ")}</span>
    ${mayChange.value && html`<button type="button" class="quiet" onClick=${() => ask(`${job}/cancel`, { method: "POST" }).catch(() => null).then(again)}>${text.cancel}</button>`}
  </div>`;
}
