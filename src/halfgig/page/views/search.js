// Search: one question, its moments, and what narrows them. All of it is in the address.
import { html, useEffect, useRef } from "../base.js";
import { useAsked } from "../asked.js";
import { Heading } from "../parts/heading.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { address } from "../router.js";
import { text } from "../strings.js";
import { Filters } from "./search_filters.js";
import { Hit } from "./search_hit.js";

const STEP = 10; // moments that "show more" adds
const MOST = 100;
const TURNS = "select, textarea, input[type=date]"; // what the arrow keys turn or move in already
const PASSED_ON = ["language", "tag", "since", "until", "source", "kind", "grouped"];

export function SearchView({ query }) {
  const [q, like] = [query.get("q") ?? "", query.get("like") ?? ""];
  const at = Number(query.get("at")) || 0;
  const asked = like || q;
  const k = Math.min(MOST, Number(query.get("k")) || STEP);
  const answer = useAsked(asked ? questionOf(query, k) : null);
  const source = useAsked(like ? `/sources/${encodeURIComponent(like)}` : null);
  const { data, problem } = answer;
  return html`
    <${Heading} title=${like ? text.search.likeTitle(source.data?.title, at) : text.search.title(q)} />
    <section aria-label=${text.search.results}>
    <${Filters} query=${query} />
    ${!asked && html`<${Start} />`}
    ${problem && html`<${Trouble} problem=${problem} again=${answer.again} />`}
    ${asked && !data && !problem && html`<${Loading} rows=${5} />`}
    ${asked && data && html`<${Hits} answer=${data} none=${like ? text.search.noneAlike : text.search.none(q)} />`}
    ${data && data.hits.length >= k && k < MOST && html`<p class="centre">
      <a class="button" href=${address(["search"], { ...Object.fromEntries(query), k: k + STEP })}>${text.search.more}</a>
    </p>`}
    </section>
  `;
}

/** The address of the answer: to a question, or of the moments like another. */
function questionOf(query, k) {
  const [q, like] = [query.get("q") ?? "", query.get("like")];
  const asked = new URLSearchParams({ ...(like ? { to: like, at: query.get("at") ?? "0" } : { q }), k: String(k) });
  for (const name of PASSED_ON) if (query.get(name)) asked.set(name, query.get(name));
  return `${like ? "/similar" : "/search"}?${asked}`;
}

function Start() {
  return html`<${Empty} icon="search" title=${text.search.start}>${text.search.startLead}<//>
    <ul class="chips centre">${text.search.examples.map((q) => html`<li key=${q}><a class="chip tag" href=${address(["search"], { q })}>${q}</a></li>`)}</ul>`;
}

/** The moments; the arrow keys go through them. */
function Hits({ answer, none }) {
  const list = useRef(null);
  useEffect(() => walkWithArrows(list), []);
  const sources = useSources(answer.hits);
  return html`
    <p class="muted" role="status">${text.search.found(answer.hits.length)}. ${answer.hits.length > 0 && text.search.keys}</p>
    ${answer.notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
    ${!answer.hits.length && html`<${Empty} icon="search" title=${none}>${text.search.noneRemedy}<//>`}
    <ol class="hits" ref=${list}>
      ${answer.hits.map((hit) => html`<${Hit} key=${`${hit.source_id} ${hit.start} ${hit.kind}`} hit=${hit} source=${sources.get(hit.source_id)} />`)}
    </ol>
  `;
}

/** The videos of the moments, for their pictures: asked for at once where the newest are enough. */
function useSources(hits) {
  const { data } = useAsked(hits.length ? "/sources?limit=200" : null);
  return new Map((data?.sources ?? []).map((source) => [source.id, source]));
}

function walkWithArrows(list) {
  const hear = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...(list.current?.querySelectorAll("a.hit-link") ?? [])];
    if (!step || !links.length || event.target.closest?.(TURNS)) return;
    const at = links.indexOf(document.activeElement);
    event.preventDefault();
    links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + step))].focus();
  };
  addEventListener("keydown", hear);
  return () => removeEventListener("keydown", hear);
}
