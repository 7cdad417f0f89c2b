// The way in: files are dropped or chosen, addresses pasted; what is planned for them is told before anything is sent.
import { html, useEffect, useRef, useState } from "../base.js";
import { clock, language as languageName, size } from "../format.js";
import { Field, Select } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { EXERCISES, LANGUAGES, text } from "../strings.js";
import { addAddress, addFiles, cancel, chooseForAll, items, startAll } from "../uploads.js";

const ACCEPTED = "video/*,audio/*,.mkv,.avi,.ts,.m4v,.opus,.flac";

export function AddVideos() {
  const [wish, setWish] = useState({ kind: "index", language: "", exercise: "", tags: "" });
  const choose = (told) => {
    const next = { ...wish, ...told };
    setWish(next);
    chooseForAll(next.kind, optionsOf(next));
  };
  const tray = items.value.filter((item) => ["ready", "refused"].includes(item.state));
  const ready = tray.filter((item) => item.state === "ready");
  return html`<section class="add" aria-labelledby="add">
    <h2 id="add" class="hidden">${text.library.add}</h2>
    <${DropZone} take=${(files) => addFiles(files, wish.kind, optionsOf(wish))} />
    <${AddressForm} take=${(url) => addAddress(url, wish.kind, optionsOf(wish))} />
    <${Wish} wish=${wish} choose=${choose} />
    ${tray.length > 0 && html`<div class="tray">
      <h3>${text.library.tray}</h3>
      <ul class="rows">${tray.map((item) => html`<${Planned} key=${item.key} item=${item} />`)}</ul>
      ${ready.length > 0 && html`<button type="button" class="main" onClick=${startAll}>${text.library.start(ready.length)}</button>`}
    </div>`}
  </section>`;
}

/** The options of a job, from what is chosen. */
export function optionsOf({ kind, language, exercise, tags }) {
  const words = [...new Set(tags.split(",").map((tag) => tag.trim()).filter(Boolean))];
  const own = kind === "index" ? (language ? { language } : {}) : exercise ? { exercise } : {};
  return words.length ? { ...own, tags: words } : own;
}

function DropZone({ take }) {
  const [over, setOver] = useState(false);
  const input = useRef(null);
  useEffect(() => dropping(setOver, take), [take]);
  return html`<div class=${`drop ${over ? "over" : ""}`}>
    <${Icon} name="upload" />
    <p>${over ? text.library.dropNow : text.library.drop}</p>
    <input ref=${input} id="files" class="hidden" type="file" multiple accept=${ACCEPTED} tabindex="-1" aria-label=${text.library.choose}
      onChange=${(event) => {
        take([...event.target.files]);
        event.target.value = "";
      }} />
    <button type="button" onClick=${() => input.current?.click()}>${text.library.choose}</button>
  </div>`;
}

/** Files may be dropped anywhere on the page. */
function dropping(setOver, take) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    setOver(true);
  };
  const leave = (event) => event.relatedTarget === null && setOver(false);
  const drop = (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    setOver(false);
    take([...event.dataTransfer.files]);
  };
  /** @type {[string, (event: any) => void][]} */
  const heard = [["dragover", over], ["dragleave", leave], ["drop", drop]];
  for (const [name, hear] of heard) addEventListener(name, hear);
  return () => {
    for (const [name, hear] of heard) removeEventListener(name, hear);
  };
}

function AddressForm({ take }) {
  const [url, setUrl] = useState("");
  const submit = (event) => {
    event.preventDefault();
    take(url.trim());
    setUrl("");
  };
  return html`<form class="address" onSubmit=${submit}>
    <label for="url">${text.library.address}</label>
    <input id="url" type="url" required pattern="https?://.+" maxlength="4096" value=${url} placeholder=${text.library.addressPlaceholder}
      autocomplete="off" onInput=${(event) => setUrl(event.target.value)} />
    <button type="submit">${text.library.addAddress}</button>
  </form>`;
}

function Wish({ wish, choose }) {
  return html`<div class="wish">
    <fieldset class="choice">
      <legend class="hidden">${text.library.what}</legend>
      ${Object.entries(text.library.kinds).map(([kind, label]) => html`<label key=${kind}>
        <input type="radio" name="kind" value=${kind} checked=${wish.kind === kind} onChange=${() => choose({ kind })} />
        <span>${label}</span>
      </label>`)}
    </fieldset>
    ${wish.kind === "index"
      ? html`<${Select} id="language" label=${text.library.languageLabel} value=${wish.language} names=${languages()}
          choose=${(language) => choose({ language })} />`
      : html`<${Select} id="exercise" label=${text.library.exerciseLabel} value=${wish.exercise} names=${exercises()}
          choose=${(exercise) => choose({ exercise })} />`}
    <${Field} id="tags" label=${text.library.tags}>
      <input id="tags" type="text" value=${wish.tags} placeholder=${text.library.tagsHint} onChange=${(event) => choose({ tags: event.target.value })} />
    <//>
  </div>`;
}

function languages() {
  return [["", text.library.auto], ...LANGUAGES.map((code) => [code, languageName(code)])];
}

/** What may be counted, as codes and names. */
export function exercises() {
  return [["", text.library.auto], ...EXERCISES.map((name) => [name, name])];
}

/** What waits to be sent, and whether it will fit. */
function Planned({ item }) {
  const { plan } = item;
  const facts = [item.size ? size(item.size) : "", item.duration ? clock(item.duration) : ""].filter(Boolean).join(" · ");
  return html`<li class="row planned">
    <div class="row-text">
      <p class="name">${item.name}</p>
      <p class="muted">${facts}</p>
      <${Verdict} plan=${plan} />
    </div>
    <button type="button" class="quiet square" aria-label=${text.library.remove(item.name)} onClick=${() => cancel(item.key)}><${Icon} name="close" /></button>
  </li>`;
}

function Verdict({ plan }) {
  if (!plan) return html`<p class="muted" role="status">${text.library.planning}</p>`;
  if (plan.fits === null) return html`<p class="muted">${text.library.planUnknown}</p>`;
  if (plan.fits) return html`<p class="good"><${Icon} name="check" />${text.library.fits(plan)}${plan.reason ? html`<br />${plan.reason}` : ""}</p>`;
  return html`<p class="bad" role="alert"><${Icon} name="warn" /><span><strong>${text.library.refused}.</strong> ${plan.reason} ${plan.remedy}</span></p>`;
}
