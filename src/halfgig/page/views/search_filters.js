// What narrows a search; every choice is a new address.
import { html } from "../base.js";
import { language as languageName } from "../format.js";
import { Field, Select } from "../parts/field.js";
import { address, go } from "../router.js";
import { LANGUAGES, text } from "../strings.js";

const FILTERS = ["kind", "language", "tag", "since", "until", "grouped", "source"];

export function Filters({ query }) {
  const now = Object.fromEntries(query);
  const narrowed = FILTERS.some((name) => now[name]);
  const choose = (name, value) => go(address(["search"], { ...now, k: "", [name]: value }), { replace: true });
  return html`<details class="filters" open=${narrowed}>
    <summary>${text.search.filters}</summary>
    <div class="wish">
      <${Select} id="kind" label=${text.search.kind} value=${now.kind ?? ""} names=${Object.entries(text.search.kinds)} choose=${(kind) => choose("kind", kind)} />
      <${Select} id="language" label=${text.search.language} value=${now.language ?? ""} names=${languages()} choose=${(code) => choose("language", code)} />
      <${Field} id="tag" label=${text.search.tag}><input id="tag" type="text" value=${now.tag ?? ""} onChange=${(event) => choose("tag", event.target.value.trim())} /><//>
      <${Field} id="since" label=${text.search.since}><input id="since" type="date" value=${now.since ?? ""} onChange=${(event) => choose("since", event.target.value)} /><//>
      <${Field} id="until" label=${text.search.until}><input id="until" type="date" value=${now.until ?? ""} onChange=${(event) => choose("until", event.target.value)} /><//>
      <label class="tick"><input type="checkbox" checked=${now.grouped === "true"} onChange=${(event) => choose("grouped", event.target.checked ? "true" : "")} />
        <span>${text.search.grouped}</span></label>
      ${narrowed && html`<a href=${address(["search"], { q: now.q, like: now.like, at: now.at })}>${text.search.clear}</a>`}
    </div>
    ${now.source && html`<p class="muted">${text.search.source}</p>`}
  </details>`;
}

function languages() {
  return [["", text.search.anyLanguage], ...LANGUAGES.map((code) => [code, languageName(code)])];
}
