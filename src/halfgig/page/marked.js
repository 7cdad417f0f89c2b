// Text with found words between [[ and ]], as the search answers it, cut into pieces. Pure.

/** @returns {{text: string, found: boolean}[]} */
export function pieces(marked) {
  const made = [];
  let rest = marked;
  for (let open = rest.indexOf("[["); open >= 0; open = rest.indexOf("[[")) {
    const close = rest.indexOf("]]", open);
    if (close < 0) break;
    if (open) made.push({ text: rest.slice(0, open), found: false });
    made.push({ text: rest.slice(open + 2, close), found: true });
    rest = rest.slice(close + 2);
  }
  if (rest) made.push({ text: rest, found: false });
  return made;
}

/** Where `wanted` occurs in the text, in the same form; letters and their capitals are the same. */
export function occurrences(text, wanted) {
  const word = wanted.trim().toLowerCase();
  if (!word) return [{ text, found: false }];
  const made = [];
  const folded = text.toLowerCase();
  let from = 0;
  for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, from)) {
    if (at > from) made.push({ text: text.slice(from, at), found: false });
    made.push({ text: text.slice(at, at + word.length), found: true });
    from = at + word.length;
  }
  if (from < text.length) made.push({ text: text.slice(from), found: false });
  return made;
}

/** As much of the pieces as a reader needs: from a little before the first found word on, `most` characters at most. */
export function excerpt(all, most = 420) {
  const first = all.findIndex((piece) => piece.found);
  const before = all.slice(0, Math.max(0, first)).map((piece) => piece.text).join("");
  const begin = tail(before, most / 4);
  const made = begin ? [{ text: begin, found: false }] : [];
  let left = most - begin.length;
  for (const piece of all.slice(Math.max(0, first))) {
    if (left <= 0) break;
    made.push({ ...piece, text: head(piece.text, left) });
    left -= piece.text.length;
  }
  return made;
}

function head(text, most) {
  return text.length <= most ? text : `${text.slice(0, most).replace(/\s+\S*$/, "")} …`;
}

function tail(text, most) {
  return text.length <= most ? text : `… ${text.slice(-most).replace(/^\S*\s+/, "")}`;
}
