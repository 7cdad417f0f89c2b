// Uploads in the library: under way, and left behind by an earlier visit.
import { html, useRef } from "../base.js";
import { Bar } from "../parts/bar.js";
import { Icon } from "../parts/icon.js";
import { text } from "../strings.js";
import { addFiles, cancel, discard, finish, pause, resume } from "../uploads.js";

export function Upload({ item }) {
  const told = text.upload;
  return html`<li class="row" data-state=${item.state}>
    <div class="row-text">
      <p class="name">${item.name}</p>
      ${item.size > 0 && html`<${Bar} fraction=${item.sent / item.size} label=${told.label(item.name)} tone=${item.state === "sending" ? "" : "still"} />`}
      <p class=${item.state === "failed" ? "bad" : "muted"}>${wordsOf(item)}</p>
    </div>
    <div class="row-buttons">
      ${["sending", "lost", "waiting"].includes(item.state) && item.file && html`<button type="button" onClick=${() => pause(item.key)}>${told.pause}</button>`}
      ${["paused", "failed"].includes(item.state) && html`<button type="button" onClick=${() => resume(item.key)}>${told.resume}</button>`}
      ${item.state !== "handing" && html`<button type="button" class="quiet" onClick=${() => cancel(item.key)}>${told.cancel}</button>`}
    </div>
  </li>`;
}

function wordsOf(item) {
  const told = text.upload;
  if (item.state === "sending") return told.sending(item);
  if (item.state === "paused") return told.paused(item);
  if (item.state === "failed") return `${item.problem.detail} ${item.problem.remedy}`;
  return { waiting: told.waiting, lost: told.lost(item.problem), handing: told.handing }[item.state];
}

export function Interrupted({ entry }) {
  const input = useRef(null);
  const pick = () => (entry.complete ? finish(entry) : input.current?.click());
  return html`<li class="row" data-state="interrupted">
    <div class="row-text">
      <p class="name">${entry.name}</p>
      <${Bar} fraction=${entry.sent / entry.size} label=${text.upload.label(entry.name)} tone="still" />
      <p class="muted">${text.library.interruptedSafe(entry.sent, entry.size)}. ${!entry.complete && text.library.interruptedLead(entry.name)}</p>
    </div>
    <div class="row-buttons">
      <input ref=${input} class="hidden" type="file" tabindex="-1" aria-label=${text.library.goOn} onChange=${(event) => addFiles([...event.target.files], "index", {})} />
      <button type="button" onClick=${pick}><${Icon} name="upload" />${entry.complete ? text.upload.resume : text.library.goOn}</button>
      <button type="button" class="quiet" onClick=${() => discard(entry)}>${text.library.discard}</button>
    </div>
  </li>`;
}

