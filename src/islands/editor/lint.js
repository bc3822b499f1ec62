// Checks of the text by the server, with the rules of a save. Problems are underlined and named below the text.

import { linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { keymap } from '@codemirror/view';

/** Pause after the last key before a check, in milliseconds. Long texts take longer to send. */
const DELAY_MS = 500;
const LONG_DELAY_MS = 1500;
const LONG = 200_000;
/** Timeout of a check, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Returns the position of a column, which is counted in characters from 1, in UTF-16 units from 0. */
function offsetIn(text, column) {
  let at = 0;
  for (const character of text) {
    if (--column < 1) break;
    at += character.length;
  }
  return at;
}

function diagnostic(doc, { line, column, message }) {
  const at = doc.line(Math.min(Math.max(line ?? 1, 1), doc.lines));
  let from = at.from + offsetIn(at.text, column ?? 1);
  const word = /^[\w.-]+/.exec(at.text.slice(from - at.from))?.[0].length ?? 1;
  const to = Math.min(from + word, at.to);
  // At the end of a line, the character before it is underlined.
  if (from >= to) from = Math.max(at.from, at.to - 1);
  return { from, to, severity: 'error', message };
}

/** Returns the check of a field. `say` shows a text below the editor. */
export function serverLint(area, say) {
  const first = area.value;
  let [request, said] = [null, ''];
  const show = (text) => {
    if (text !== said) say(text);
    said = text;
  };
  const source = async (view) => {
    request?.abort();
    const text = view.state.doc.toString();
    // What the page showed is valid, or the page names its mistake.
    if (text === first && !said && area.getAttribute('aria-invalid') !== 'true') return [];
    request = new AbortController();
    const value = (name) => area.form?.elements.namedItem(name)?.value ?? '';
    const fields = { config: value('config'), kind: value('kind'), source: value('source'), text, text_was: value(`${area.name}_was`) };
    try {
      const answer = await fetch(area.dataset.check, {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: new URLSearchParams(fields),
        signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const problems = answer.ok ? await answer.json() : [];
      show(problems[0]?.message ?? '');
      return problems.map((problem) => diagnostic(view.state.doc, problem));
    } catch {
      // Outdated, or the server cannot be reached: saving reports it.
      return [];
    }
  };
  return [linter(source, { delay: area.value.length > LONG ? LONG_DELAY_MS : DELAY_MS }), lintGutter(), keymap.of(lintKeymap)];
}
