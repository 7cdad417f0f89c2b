// The page begins here: who we are, where we are, and the view of that.
import { html, render, useEffect } from "./base.js";
import { askSession, session } from "./api.js";
import { followAddress, route } from "./router.js";
import { Shell } from "./parts/shell.js";
import { findInterrupted, watchUploads } from "./uploads.js";
import { JobView } from "./views/job.js";
import { LiveView } from "./views/live.js";
import { LibraryView } from "./views/library.js";
import { NotFoundView } from "./views/not_found.js";
import { OperationsView } from "./views/operations.js";
import { RepsView } from "./views/reps.js";
import { SearchView } from "./views/search.js";
import { SignInView } from "./views/sign_in.js";
import { VideoView } from "./views/video.js";

/** The view of a route, with what of it makes it another one. */
function view({ path, query }) {
  const [page, id, part] = path;
  if (page === undefined) return html`<${LibraryView} tag=${query.get("tag") ?? ""} />`;
  if (page === "search") return html`<${SearchView} query=${query} />`;
  if (page === "jobs" && id) return html`<${JobView} key=${id} id=${id} />`;
  if (page === "live") return html`<${LiveView} />`;
  if (page === "operations") return html`<${OperationsView} />`;
  if (page === "videos" && id && part === "reps") return html`<${RepsView} key=${`reps ${id}`} id=${id} query=${query} />`;
  if (page === "videos" && id) return html`<${VideoView} key=${id} id=${id} query=${query} />`;
  return html`<${NotFoundView} />`;
}

function App() {
  const known = session.value;
  const inside = known?.signed_in;
  useEffect(() => {
    if (inside) findInterrupted();
  }, [inside]);
  if (!known) return null;
  if (!inside) return html`<${SignInView} />`;
  return html`<${Shell}>${view(route.value)}<//>`;
}

followAddress();
watchUploads();
askSession();
render(html`<${App} />`, document.getElementById("app"));
