// Highlighting and folding of the formats.

import { json } from '@codemirror/lang-json';
import { xmlLanguage } from '@codemirror/lang-xml';
import { yaml } from '@codemirror/lang-yaml';
import { foldService, StreamLanguage } from '@codemirror/language';
import { properties } from '@codemirror/legacy-modes/mode/properties';
import { toml } from '@codemirror/legacy-modes/mode/toml';

const HEADER = /^\s*\[/;

/** Folds a table of TOML: the lines from below its header to the next header. */
const tomlTables = foldService.of((state, from, to) => {
  if (!HEADER.test(state.sliceDoc(from, to))) return null;
  let end = to;
  for (let n = state.doc.lineAt(from).number + 1; n <= state.doc.lines; n++) {
    const line = state.doc.line(n);
    if (HEADER.test(line.text)) break;
    if (line.text.trim()) end = line.to;
  }
  return end > to ? { from: to, to: end } : null;
});

const languages = {
  json: () => json(),
  yaml: () => yaml(),
  toml: () => [StreamLanguage.define(toml), tomlTables],
  properties: () => StreamLanguage.define(properties),
  xml: () => xmlLanguage,
};

/** Returns the extensions of a format. Plain text has none. */
export function languageOf(name) {
  return languages[name]?.() ?? [];
}
