// What every view is made with: elements, state that redraws, and the loading of classic scripts.
import { h, render } from "./vendor/preact.js";
import { useEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
import { computed, effect, signal } from "./vendor/signals.js";
import htm from "./vendor/htm.js";

/** Elements written as a template: html`<p class="x">${text}</p>`. */
export const html = htm.bind(h);

const loading = new Map();

/** Load a script of the folder vendor/ that sets a global, once; resolves to that global. */
export function classic(name, global) {
  if (!loading.has(name)) loading.set(name, started(name, global));
  return loading.get(name);
}

function started(name, global) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(`./vendor/${name}`, import.meta.url).href;
    script.onload = () => resolve(globalThis[global]);
    script.onerror = () => {
      loading.delete(name); // so that it is tried again
      reject(new Error(name));
    };
    document.head.append(script);
  });
}

export { computed, effect, render, signal, useEffect, useMemo, useRef, useState };
