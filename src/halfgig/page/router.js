// Addresses of the page: #/videos/ID?t=12. What they name is in the address, so that it can be shared.
import { signal } from "./base.js";

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/** The route that an address names. @returns {Route} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody typed a lone percent sign
  }
}

/** The address of a path with a query; empty values are left out. */
export function address(path, query = {}) {
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined && value !== false) kept.append(name, String(value));
  }
  const tail = kept.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${tail ? `?${tail}` : ""}`;
}

/** Where we are. */
export const route = signal(parse(typeof location === "undefined" ? "" : location.hash));

/** Go to an address; with `replace` without a new step in the history. */
export function go(to, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", to);
    route.value = parse(to);
  } else {
    location.hash = to;
  }
}

/** Follow the browser's own back and forward. */
export function followAddress() {
  addEventListener("hashchange", () => {
    route.value = parse(location.hash);
  });
}
