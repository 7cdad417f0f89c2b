// The library: what is there, what is at work, what did not work, and the way in for more.
import { html, useEffect, useState } from "../base.js";
import { useAsked, useAttempt } from "../asked.js";
import { ask, mayChange } from "../api.js";
import { several } from "../format.js";
import { Heading } from "../parts/heading.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { address } from "../router.js";
import { text } from "../strings.js";
import { interrupted, items, madeJobs } from "../uploads.js";
import { isFinal } from "../watching.js";
import { AddVideos } from "./library_add.js";
import { Interrupted, Upload } from "./library_uploads.js";
import { JobRow, together } from "./library_jobs.js";
import { VideoCard } from "./library_card.js";

const LOOK = 2500; // milliseconds between two looks at the jobs
const PAGE = 60; // videos at a time
const MOST_TROUBLED = 5;
// The newest of all, and those that many newer ones would hide: work is done oldest first.
const LISTS = ["/jobs?limit=100", "/jobs?state=running", `/jobs?state=failed&limit=${MOST_TROUBLED}`];

export function LibraryView({ tag }) {
  const lists = LISTS.map((list) => useAsked(list, LOOK));
  const again = () => lists.forEach((list) => list.again());
  useEffect(again, [madeJobs.value]);
  const all = together(...lists.map((list) => list.data));
  const [running, waiting] = [all.filter((job) => job.state === "running"), all.filter((job) => job.state === "queued")];
  const done = all.filter((job) => isFinal(job.state)).length;
  return html`
    <${Heading} title=${text.library.title} />
    ${mayChange.value ? html`<${AddVideos} />` : html`<p class="note">${text.viewer}</p>`}
    <${AtWork} jobs=${[...running, ...waiting]} again=${again} />
    <${Troubled} jobs=${all.filter((job) => job.state === "failed").slice(0, MOST_TROUBLED)} again=${again} />
    <${Videos} tag=${tag} ended=${`${done} ${running.map((job) => job.id)}`} />
  `;
}

/** Uploads and jobs that are under way, and uploads that an earlier visit left behind. */
function AtWork({ jobs, again }) {
  const sent = items.value.filter((item) => !["ready", "refused"].includes(item.state));
  const left = interrupted.value;
  return html`
    ${mayChange.value && left.length > 0 && html`<section aria-labelledby="interrupted">
      <h2 id="interrupted">${text.library.interrupted}</h2>
      <ul class="rows">${left.map((entry) => html`<${Interrupted} key=${entry.urlStorageKey} entry=${entry} />`)}</ul>
    </section>`}
    ${sent.length + jobs.length > 0 && html`<section aria-labelledby="at-work">
      <h2 id="at-work">${text.library.atWork}</h2>
      <ul class="rows">
        ${sent.map((item) => html`<${Upload} key=${item.key} item=${item} />`)}
        ${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} again=${again} />`)}
      </ul>
    </section>`}
  `;
}

function Troubled({ jobs, again }) {
  if (!jobs.length) return null;
  return html`<section aria-labelledby="troubled">
    <h2 id="troubled">${text.library.troubled}</h2>
    <ul class="rows">${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} again=${again} />`)}</ul>
  </section>`;
}

/** Every video, newest first; those that follow are asked for by the button. `ended` is another one when a job has ended. */
function Videos({ tag, ended }) {
  const { data, problem, again } = useAsked(addressOf(tag));
  const [more, setMore] = useState([]); // pages after the first
  useEffect(() => {
    if (data) again();
  }, [ended]);
  useEffect(() => setMore([]), [tag]);
  const videos = [...(data?.sources ?? []), ...more.flatMap((page) => page.sources)];
  const shown = [...new Map(videos.map((source) => [source.id, source])).values()];
  const next = (more.at(-1) ?? data)?.next;
  const { attempt, refused } = useAttempt();
  const load = () => attempt(async () => setMore([...more, await ask(next)]));
  return html`<section aria-labelledby="videos">
    <div class="heading">
      <h2 id="videos">${tag ? text.library.tagged(tag) : text.library.videos}</h2>
      ${shown.length > 0 && html`<span class="muted">${next ? text.library.count(shown.length, true) : several(shown.length, "video")}</span>`}
      ${tag && html`<a href=${address([])}>${text.library.allTags}</a>`}
    </div>
    ${problem && html`<${Trouble} problem=${problem} again=${again} />`}
    ${!data && !problem && html`<${Loading} />`}
    ${data && !shown.length && html`<${Nothing} tag=${tag} />`}
    ${shown.length > 0 && html`<ul class="cards">${shown.map((source) => html`<${VideoCard} key=${source.id} source=${source} />`)}</ul>`}
    ${refused && html`<${Trouble} problem=${refused} />`}
    ${next && html`<p class="centre"><button type="button" onClick=${load}>${text.library.more}</button></p>`}
  </section>`;
}

function addressOf(tag) {
  return `/sources?${new URLSearchParams({ limit: String(PAGE), ...(tag ? { tag } : {}) })}`;
}

function Nothing({ tag }) {
  if (tag) return html`<${Empty} icon="film" title=${text.library.emptyTag(tag)} />`;
  return html`<${Empty} icon="film" title=${text.library.empty}>${text.library.emptyLead}<//>`;
}
