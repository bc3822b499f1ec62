// Marks in the gutter for lines that differ from the live text.

import { Chunk } from '@codemirror/merge';
import { StateField, Text } from '@codemirror/state';
import { gutter, GutterMarker } from '@codemirror/view';

/** Bounds of a comparison of whole texts: a rougher result is better than a pause. */
const BOUNDS = { scanLimit: 500, timeout: 100 };
/** Most ranges of one edit that are compared one by one. */
const FEW = 50;

class Mark extends GutterMarker {
  constructor(kind, title) {
    super();
    this.kind = kind;
    this.title = title;
  }

  eq(other) {
    return other.kind === this.kind;
  }

  toDOM() {
    return Object.assign(document.createElement('div'), { className: `mark ${this.kind}`, title: this.title });
  }
}

function countRanges(changes) {
  let count = 0;
  changes.iterChangedRanges(() => count++);
  return count;
}

/** Returns the gutter for a live text. */
export function liveMarks(liveText, phrases) {
  const live = Text.of(liveText.split('\n'));
  const marks = Object.fromEntries(['added', 'changed', 'removed'].map((kind) => [kind, new Mark(kind, phrases[kind])]));
  const chunks = StateField.define({
    create: ({ doc }) => (doc.eq(live) ? [] : Chunk.build(live, doc, BOUNDS)),
    update: (now, { docChanged, changes, newDoc }) => {
      if (!docChanged) return now;
      if (countRanges(changes) > FEW) return Chunk.build(live, newDoc, BOUNDS);
      return Chunk.updateB(now, live, newDoc, changes, BOUNDS);
    },
  });
  const markOf = (view, { from }) => {
    const all = view.state.field(chunks);
    // The first chunk that does not end before the line.
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].endB < from) low = middle + 1;
      else high = middle;
    }
    const chunk = all[low];
    const last = view.state.doc.lineAt(from).to === view.state.doc.length;
    // Lines that were removed at the end of the text are marked at its last line.
    if (!chunk || (chunk.fromB > from && !(last && chunk.fromB > view.state.doc.length))) return null;
    if (chunk.fromB >= chunk.toB) return marks.removed;
    return chunk.fromA >= chunk.toA ? marks.added : marks.changed;
  };
  return [
    chunks,
    gutter({
      class: 'cm-changes',
      lineMarker: markOf,
      lineMarkerChange: (update) => update.startState.field(chunks) !== update.state.field(chunks),
    }),
  ];
}
