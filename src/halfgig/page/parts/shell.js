// What surrounds every view: the name, the search box, the pages, and the word that the server is gone.
import { html, useEffect, useRef, useState } from "../base.js";
import { online, session, signOut } from "../api.js";
import { useAttempt } from "../asked.js";
import { address, go, route } from "../router.js";
import { text } from "../strings.js";
import { Icon } from "./icon.js";
import { Trouble } from "./states.js";

const LOGO = new URL("../icon.svg", import.meta.url).href;

export function Shell({ children }) {
  const { attempt, refused } = useAttempt();
  return html`
    <a class="skip" href="#content" onClick=${skip}>${text.skip}</a>
    <header class="top">
      <a class="brand" href=${address([])}><img src=${LOGO} alt="" width="28" height="28" /><span>${text.name}</span></a>
      <${SearchBox} />
      <nav aria-label=${text.nav.label}>
        <${PageLink} path=${[]} label=${text.nav.library} />
        <${PageLink} path=${["live"]} label=${text.nav.live} />
        <${PageLink} path=${["operations"]} label=${text.nav.operations} />
        ${session.value?.required && html`<button type="button" class="link" onClick=${() => attempt(signOut)}>${text.nav.signOut}</button>`}
      </nav>
    </header>
    ${!online.value && html`<p class="offline" role="status"><${Icon} name="warn" />${text.offline}</p>`}
    <main id="content" tabindex="-1">${refused && html`<${Trouble} problem=${refused} />`}${children}</main>
  `;
}

function skip(event) {
  event.preventDefault(); // the address is the view's
  document.getElementById("content")?.focus();
}

function PageLink({ path, label }) {
  const here = (route.value.path[0] ?? "") === (path[0] ?? "");
  return html`<a href=${address(path)} aria-current=${here ? "page" : undefined}>${label}</a>`;
}

/** The one box over everything. */
function SearchBox() {
  const { path, query } = route.value;
  const asked = path[0] === "search" ? (query.get("q") ?? "") : "";
  const [typed, setTyped] = useState(asked);
  const box = useRef(null);
  useEffect(() => setTyped(asked), [asked]);
  useEffect(() => focusOnSlash(box), []);
  const submit = (event) => {
    event.preventDefault();
    const filters = path[0] === "search" ? Object.fromEntries(query) : {};
    go(address(["search"], { ...filters, like: "", at: "", q: typed.trim() }));
    if (typed.trim()) box.current?.blur();
  };
  return html`<form class="search" role="search" onSubmit=${submit}>
    <${Icon} name="search" />
    <input ref=${box} type="search" name="q" value=${typed} onInput=${(event) => setTyped(event.target.value)}
      aria-label=${text.search.label} placeholder=${text.search.placeholder} maxlength="1000" autocomplete="off"
      enterkeyhint="search" title=${text.search.hint} />
    <kbd aria-hidden="true">/</kbd>
  </form>`;
}

function focusOnSlash(box) {
  const hear = (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.current?.focus();
    box.current?.select();
  };
  addEventListener("keydown", hear);
  return () => removeEventListener("keydown", hear);
}
