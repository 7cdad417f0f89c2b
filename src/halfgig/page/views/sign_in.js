// Signing in with a key of the server.
import { html, useState } from "../base.js";
import { signIn } from "../api.js";
import { Heading } from "../parts/heading.js";
import { Trouble } from "../parts/states.js";
import { text } from "../strings.js";

const LOGO = new URL("../icon.svg", import.meta.url).href;

export function SignInView() {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setProblem(null);
    await signIn(key.trim()).catch(setProblem);
  };
  return html`<main class="sign-in" id="content">
    <img src=${LOGO} alt="" width="48" height="48" />
    <${Heading} title=${text.signIn.title} />
    <p>${text.signIn.lead}</p>
    <form onSubmit=${submit}>
      <label for="key">${text.signIn.label}</label>
      <input id="key" type="password" autocomplete="current-password" required value=${key}
        onInput=${(event) => setKey(event.target.value)} aria-describedby="kept" aria-invalid=${problem !== null} />
      <button type="submit" class="main">${text.signIn.button}</button>
    </form>
    ${problem && html`<${Trouble} problem=${problem} />`}
    <p class="muted" id="kept">${text.signIn.kept}</p>
  </main>`;
}
