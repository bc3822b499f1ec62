// Marks in the gutter for lines that differ from the live text.

import { diff } from '@codemirror/merge';
import { StateField } from '@codemirror/state';
import { gutter, GutterMarker } from '@codemirror/view';

/** Bounds of a comparison: a rougher result is better than a pause. */
const BOUNDS = { scanLimit: 500, timeout: 100 };
/** Most different lines that a comparison can tell apart: each is a UTF-16 unit. */
const MOST_LINES = 0x10000;

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
    return Object.assign(document.createElement('div'), { className: `cm-change ${this.kind}`, title: this.title });
  }
}

/** Returns the ranges of lines that differ, counted from 0. A is the live text. */
function compare(live, lines) {
  let [from, endA, endB] = [0, live.length, lines.length];
  while (from < endA && from < endB && live[from] === lines[from]) from += 1;
  while (endA > from && endB > from && live[endA - 1] === lines[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  if (from === endA && from === endB) return [];
  // Each line becomes one character, so that the comparison of two strings compares lines.
  const codes = new Map();
  const encode = (line) => {
    if (!codes.has(line)) codes.set(line, codes.size);
    return String.fromCharCode(codes.get(line));
  };
  const [a, b] = [live.slice(from, endA).map(encode).join(''), lines.slice(from, endB).map(encode).join('')];
  const whole = { fromA: 0, toA: a.length, fromB: 0, toB: b.length };
  const ranges = codes.size > MOST_LINES ? [whole] : diff(a, b, BOUNDS);
  return ranges.map(({ fromA, toA, fromB, toB }) => ({
    kind: fromB === toB ? 'removed' : fromA === toA ? 'added' : 'changed',
    from: fromB + from,
    // Removed lines are marked at the line after them, or at the last one.
    to: fromB === toB ? toB + from + 1 : toB + from,
  }));
}

/** Returns the gutter for a live text. */
export function liveMarks(liveText, phrases) {
  const live = liveText.split('\n');
  const marks = Object.fromEntries(['added', 'changed', 'removed'].map((kind) => [kind, new Mark(kind, phrases[kind])]));
  const ranges = StateField.define({
    create: ({ doc }) => compare(live, doc.toJSON()),
    update: (now, { docChanged, newDoc }) => (docChanged ? compare(live, newDoc.toJSON()) : now),
  });
  const markOf = (view, { from }) => {
    const all = view.state.field(ranges);
    const line = view.state.doc.lineAt(from).number - 1;
    // The first range that does not end before the line.
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].to <= line) low = middle + 1;
      else high = middle;
    }
    const range = all[low];
    const isLast = line === view.state.doc.lines - 1;
    return range && (range.from <= line || (isLast && range.from > line)) ? marks[range.kind] : null;
  };
  return [
    ranges,
    gutter({
      class: 'cm-changes',
      lineMarker: markOf,
      lineMarkerChange: (update) => update.startState.field(ranges) !== update.state.field(ranges),
    }),
  ];
}
