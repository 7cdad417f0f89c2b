// An address that leads nowhere.
import { html } from "../base.js";
import { Heading } from "../parts/heading.js";
import { address } from "../router.js";
import { text } from "../strings.js";

export function NotFoundView() {
  return html`<${Heading} title=${text.notFound} />
    <p>${text.notFoundRemedy}</p>
    <p><a href=${address([])}>${text.toLibrary}</a></p>`;
}
