// The look of the editor, in the names of style/tokens.css. CodeMirror's own styles are in no layer and would win over
// those of the style sheet. style/editor.css has the frame and the size.

import { EditorView } from '@codemirror/view';

const background = (value) => ({ background: value });
const colour = (value) => ({ color: value });

export const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--surface)', fontSize: 'var(--t-s)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { padding: 'var(--s2) 0 var(--room-below, var(--s2))', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 var(--s3) 0 var(--s1)' },
  '&.cm-focused .cm-activeLine, .cm-activeLine': background('transparent'),
  '&.cm-focused .cm-activeLine': background('color-mix(in oklch, var(--accent-soft), transparent 45%)'),
  '.cm-gutters': { color: 'var(--ink-2)', backgroundColor: 'var(--sunken)', borderRight: '1px solid var(--line)' },
  '.cm-activeLineGutter': background('transparent'),
  '&.cm-focused .cm-activeLineGutter': { background: 'var(--accent-soft)', color: 'var(--ink)' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 4px 0 6px', minWidth: '2.2em' },
  '.cm-foldGutter .cm-gutterElement': { padding: '0 3px', cursor: 'pointer' },
  '.cm-foldPlaceholder': {
    padding: '0 var(--s2)', margin: '0 2px', border: '1px solid var(--line)', borderRadius: 'var(--r-s)',
    background: 'var(--accent-soft)', color: 'var(--accent)',
  },

  // Differences from the live text. Each kind has a shape of its own, for readers without colours.
  '.cm-changes': { width: '6px' },
  '.cm-changes .cm-gutterElement': { padding: '0' },
  '.cm-change': { height: '100%', borderInlineStart: '4px solid var(--warn)' },
  '.cm-change.added': { borderColor: 'var(--add)' },
  '.cm-change.changed': { borderInlineStartStyle: 'double' },
  '.cm-change.removed': { borderInlineStart: '0', borderTop: '3px solid var(--del)' },

  // Words of the formats.
  '.tok-propertyName, .tok-variableName, .tok-typeName': colour('var(--accent)'),
  '.tok-string, .tok-string2': colour('var(--hue-0)'),
  '.tok-number, .tok-bool, .tok-keyword, .tok-atom, .tok-literal': colour('var(--hue-3)'),
  '.tok-comment, .tok-meta, .tok-punctuation, .tok-operator': colour('var(--ink-2)'),
  '.tok-comment': { fontStyle: 'italic' },
  '.tok-heading': { color: 'var(--hue-2)', fontWeight: '600' },
  '.tok-invalid': colour('var(--del)'),
  '&.cm-focused .cm-matchingBracket, .cm-matchingBracket': { background: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
  '&.cm-focused .cm-nonmatchingBracket, .cm-nonmatchingBracket': { background: 'var(--del-soft)', outline: '1px solid var(--del)' },
  '.cm-specialChar': { color: 'var(--del)', background: 'var(--del-soft)' },
  '.cm-selectionMatch': background('var(--accent-soft)'),
  '.cm-searchMatch': { background: 'var(--warn-soft)', outline: '1px solid var(--warn)' },
  '.cm-searchMatch.cm-searchMatch-selected': { background: 'var(--add-word)', outline: '2px solid var(--accent)' },

  // Problems.
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--del)', textDecorationSkipInk: 'none', textUnderlineOffset: '3px' },
  '.cm-lintRange-active': background('var(--del-soft)'),
  '.cm-gutter-lint': { width: '1.1em' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-lint-marker': { width: '.7em', height: '.7em', margin: '.42em .2em' },
  '.cm-lint-marker-error': { content: '""', display: 'block', borderRadius: '50%', background: 'var(--del)', border: '1px solid var(--del)' },
  '.cm-tooltip': { border: '1px solid var(--line)', borderRadius: 'var(--r)', background: 'var(--raised)', color: 'var(--ink)', boxShadow: 'var(--shadow)', maxWidth: 'min(36rem, 90vw)' },
  '.cm-diagnostic-error, .cm-diagnostic': { borderInlineStart: '3px solid var(--del)', padding: 'var(--s1) var(--s2)', font: '400 var(--t-s)/1.5 var(--font)', whiteSpace: 'pre-wrap' },

  // The panels of the search and of the problems.
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)', fontFamily: 'var(--font)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search, .cm-dialog form': { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 'var(--s1)', padding: 'var(--s2) 2.2rem var(--s2) var(--s2)' },
  '.cm-dialog': { position: 'relative', padding: '0' },
  '.cm-dialog label': { display: 'flex', alignItems: 'center', gap: 'var(--s2)', margin: '0', fontSize: 'var(--t-xs)', whiteSpace: 'nowrap' },
  '.cm-panel.cm-search br': { flexBasis: '100%', content: '""', height: '0' },
  '.cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label': { margin: '0' },
  // Only one range is selected at a time.
  '.cm-panel.cm-search [name=select]': { display: 'none' },
  '.cm-panel.cm-search label': { display: 'inline-flex', alignItems: 'center', gap: 'var(--s1)', minHeight: '24px', fontSize: 'var(--t-xs)', whiteSpace: 'nowrap' },
  '.cm-textfield': { width: '14rem', flex: '0 1 14rem', minHeight: '28px', padding: '2px var(--s2)', border: '1px solid var(--line-strong)', borderRadius: 'var(--r-s)', backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: 'var(--t-s)' },
  '.cm-button': { minHeight: '28px', padding: '2px var(--s2)', border: '1px solid var(--line-strong)', borderRadius: 'var(--r-s)', backgroundImage: 'none', background: 'var(--raised)', color: 'var(--ink)', fontSize: 'var(--t-xs)', cursor: 'pointer' },
  '.cm-button:hover': background('var(--accent-soft)'),
  '.cm-panel.cm-search [name=close], .cm-panel [name=close], .cm-dialog-close': { position: 'absolute', top: 'var(--s1)', right: 'var(--s1)', width: '28px', height: '28px', padding: '0', border: '0', background: 'none', color: 'var(--ink-2)', fontSize: '1.1rem', cursor: 'pointer' },
  '.cm-panel.cm-panel-lint ul': { maxHeight: '7.5em' },
  '.cm-panel.cm-panel-lint ul [aria-selected], &.cm-focused .cm-panel-lint ul [aria-selected]': { background: 'var(--accent-soft)', color: 'var(--ink)' },
});
