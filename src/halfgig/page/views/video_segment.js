// One segment of a transcript: said at a second, and corrected by whoever knows better.
import { html, useRef, useState } from "../base.js";
import { ask, mayChange } from "../api.js";
import { clock } from "../format.js";
import { Icon } from "../parts/icon.js";
import { Marks } from "../parts/marks.js";
import { Trouble } from "../parts/states.js";
import { text } from "../strings.js";

export function Segment({ segment, current, source, pieces, seek, save }) {
  const [editing, setEditing] = useState(false);
  const button = useRef(null);
  const close = () => {
    setEditing(false);
    requestAnimationFrame(() => button.current?.focus());
  };
  const words = pieces ? html`<${Marks} pieces=${pieces} />` : segment.text;
  return html`<li class="line" aria-current=${current ? "true" : undefined}>
    ${seek
      ? html`<button type="button" class="line-time time" aria-label=${text.video.play(segment.start)} onClick=${() => seek(segment.start)}>${clock(segment.start)}</button>`
      : html`<span class="line-time time muted">${clock(segment.start)}</span>`}
    ${editing
      ? html`<${Editor} segment=${segment} source=${source} save=${save} close=${close} />`
      : html`<p class=${seek ? "line-text seeks" : "line-text"} onClick=${seek && (() => chosen() || seek(segment.start))}>${words}</p>
        ${mayChange.value && html`<button type="button" ref=${button} class="quiet square line-edit" aria-label=${text.video.edit(segment.start)} onClick=${() => setEditing(true)}><${Icon} name="edit" /></button>`}`}
  </li>`;
}

/** Has somebody just marked text to copy it? */
function chosen() {
  return String(getSelection()).length > 0;
}

function Editor({ segment, source, save, close }) {
  const [words, setWords] = useState(segment.text);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const told = words.trim();
    try {
      await ask(`/sources/${source.id}/segments/${segment.number}`, { method: "PATCH", body: { text: told } });
    } catch (error) {
      setProblem(error);
      return;
    }
    save(segment.number, told);
    close();
  };
  const keys = (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return html`<form class="editor" onSubmit=${submit} onKeyDown=${keys}>
    <textarea ref=${focusOnce} aria-label=${text.video.editLabel} rows="3" required maxlength="4000" value=${words} onInput=${(event) => setWords(event.target.value)}></textarea>
    ${problem && html`<${Trouble} problem=${problem} />`}
    <div class="row-buttons">
      <button type="submit" class="main">${text.video.save}</button>
      <button type="button" class="quiet" onClick=${close}>${text.cancel}</button>
    </div>
  </form>`;
}

function focusOnce(element) {
  if (element && !element.dataset.seen) {
    element.dataset.seen = "1"; // the reference is called at every drawing
    element.focus();
  }
}
