// The editor of texts and long values: CodeMirror in place of every `textarea[data-editor]`. editor.rs loads this module
// on pages with such a field. The textarea stays the field of the form and always has the editor's text, so that forms,
// swaps and kept input work as without this module.

import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import {
  bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting,
} from '@codemirror/language';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';

import { liveMarks } from './changes.js';
import { canFormat, formatChanges } from './format.js';
import { languageOf } from './languages.js';
import { serverLint } from './lint.js';
import { theme } from './theme.js';

/** Longest text that is copied into the textarea at every change, in characters. Longer ones are copied after a pause. */
const COPIED_AT_ONCE = 100_000;
const COPY_DELAY_MS = 300;

// Browsers hide the attribute but keep the property, so that styles are allowed by the page's policy.
const nonce = document.querySelector('script[nonce]')?.nonce ?? '';
const editors = new Set();

/** Replaces all fields that have no editor yet, and forgets editors whose fields are gone. */
function mountAll() {
  for (const editor of editors) if (!editor.area.isConnected) editor.destroy();
  for (const area of document.querySelectorAll('textarea[data-editor]:not([data-mounted])')) editors.add(new Editor(area));
}

/**
 * Replaces a selection by typed text. Chromium would keep the style of the selected words in a `style` attribute, which
 * the page's policy forbids and reports.
 */
const typingOverSelection = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const typed = event.inputType === 'insertText' && !event.isComposing && event.data;
    const native = view.state.selection.main.empty && !event.data?.includes('\n');
    if (!typed || native || view.state.readOnly) return false;
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    event.preventDefault();
    return true;
  },
});

class Editor {
  constructor(area) {
    this.area = area;
    this.phrases = JSON.parse(area.dataset.phrases);
    this.problem = '';
    this.language = new Compartment();
    this.readOnly = new Compartment();
    const focused = document.activeElement === area;
    this.foot = this.#foot();
    this.view = new EditorView({ state: this.#state() });
    this.box = document.createElement('div');
    this.box.className = 'code-editor';
    area.dataset.mounted = '';
    area.tabIndex = -1;
    area.setAttribute('aria-hidden', 'true');
    area.replaceWith(this.box);
    this.box.append(this.view.dom, this.foot, area);
    // A label, a validation message or a script gives the focus to the field.
    area.addEventListener('focus', () => this.#focus());
    this.watch = new MutationObserver(() => this.view.dispatch({ effects: this.readOnly.reconfigure(this.#readOnly()) }));
    this.watch.observe(area, { attributeFilter: ['readonly'] });
    const kind = area.form?.elements.namedItem('kind');
    kind?.addEventListener('change', () => this.#changeLanguage());
    if (focused) this.#focus();
  }

  destroy() {
    this.watch.disconnect();
    clearTimeout(this.copying);
    this.view.destroy();
    editors.delete(this);
  }

  get #name() {
    const kind = this.area.form?.elements.namedItem('kind')?.value;
    return this.area.dataset.editor === 'value' ? (kind === 'json' ? 'json' : 'text') : this.area.dataset.editor;
  }

  #state() {
    const { area, phrases } = this;
    const label = area.labels[0]?.textContent.trim() ?? '';
    const described = [this.foot.querySelector('.hint').id, area.getAttribute('aria-describedby')].filter(Boolean);
    const attributes = { 'aria-label': label, 'aria-describedby': described.join(' '), 'data-field': area.id, tabindex: '0' };
    for (const name of ['aria-invalid', 'required']) {
      if (area.hasAttribute(name)) attributes[name === 'required' ? 'aria-required' : name] = area.getAttribute(name) || 'true';
    }
    const text = area.value;
    const tabs = /^\t/m.test(text);
    const spaces = /^( {2,8})\S/m.exec(text)?.[1].length ?? 2;
    return EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorState.phrases.of(phrases),
        EditorState.tabSize.of(4),
        indentUnit.of(tabs ? '\t' : ' '.repeat(spaces)),
        EditorView.contentAttributes.of(attributes),
        liveMarks(document.querySelector(`[data-live-of="${area.id}"]`)?.value ?? area.defaultValue, phrases),
        lineNumbers(),
        foldGutter(),
        codeFolding(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSpecialChars(),
        history(),
        bracketMatching(),
        indentOnInput(),
        search({ top: true }),
        highlightSelectionMatches(),
        syntaxHighlighting(classHighlighter),
        serverLint(area, (problem) => this.#showProblem(problem)),
        keymap.of([
          { key: 'Shift-Alt-f', run: () => this.#format() },
          ...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap, indentWithTab,
        ]),
        this.#leaving(),
        typingOverSelection,
        this.language.of(languageOf(this.#name)),
        this.readOnly.of(this.#readOnly()),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          this.#copyLater(update.state.doc.length);
          this.#showProblem(this.problem);
        }),
        theme,
      ],
    });
  }

  /** Escape hands the Tab key back to the browser, until another key is pressed. */
  #leaving() {
    let leaving = false;
    const set = (view, to) => {
      if (leaving === to) return;
      leaving = to;
      view.setTabFocusMode(to);
      if (to) this.#say(this.phrases.leaves);
      else this.#showProblem(this.problem);
    };
    return EditorView.domEventHandlers({
      keydown: (event, view) => {
        if (event.key === 'Escape') {
          // Outside, Escape closes other things.
          event.stopPropagation();
          set(view, true);
        } else if (!['Tab', 'Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) {
          set(view, false);
        }
      },
      blur: (_, view) => set(view, false),
    });
  }

  /** The line below the text: messages, the keys, and the button that formats. */
  #foot() {
    const foot = document.createElement('div');
    foot.className = 'editor-foot';
    this.status = Object.assign(document.createElement('p'), { role: 'status', className: 'says' });
    const hint = Object.assign(document.createElement('p'), { className: 'hint', id: `${this.area.id}-keys` });
    hint.textContent = this.phrases.keys;
    this.button = Object.assign(document.createElement('button'), { type: 'button', className: 'btn' });
    this.button.textContent = this.phrases.format;
    this.button.title = 'Shift+Alt+F';
    this.button.setAttribute('aria-keyshortcuts', 'Shift+Alt+F');
    this.button.hidden = !canFormat(this.#name);
    this.button.addEventListener('click', () => this.#format());
    foot.append(this.status, hint, this.button);
    return foot;
  }

  #say(text, tone = '') {
    this.status.className = `says ${tone}`;
    // An equal text would be announced again.
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  #showProblem(problem) {
    this.problem = problem;
    this.#say(problem, 'bad');
  }

  #focus() {
    const { selectionStart, selectionEnd } = this.area;
    this.copy();
    this.view.focus();
    // A script that selects the text of the field means that of the editor.
    if (selectionStart !== selectionEnd) this.view.dispatch({ selection: { anchor: selectionStart, head: selectionEnd } });
    this.area.setSelectionRange(0, 0);
  }

  #readOnly() {
    return EditorState.readOnly.of(this.area.readOnly);
  }

  #changeLanguage() {
    this.button.hidden = !canFormat(this.#name);
    this.view.dispatch({ effects: this.language.reconfigure(languageOf(this.#name)) });
  }

  #format() {
    if (!canFormat(this.#name)) {
      this.#say(this.phrases.onlyJson);
      return true;
    }
    const changes = this.area.readOnly ? [] : formatChanges(this.view.state.doc.toString());
    if (!changes) this.#say(this.phrases.noFormat);
    else if (changes.length) this.view.dispatch({ changes, userEvent: 'format', scrollIntoView: true });
    return true;
  }

  #copyLater(length) {
    clearTimeout(this.copying);
    this.changed = true;
    if (length <= COPIED_AT_ONCE) this.copy();
    else this.copying = setTimeout(() => this.copy(), COPY_DELAY_MS);
  }

  /** Copies the text into the field of the form. */
  copy() {
    if (!this.changed) return;
    this.changed = false;
    this.area.value = this.view.state.doc.toString();
    this.area.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

const copyAll = () => editors.forEach((editor) => editor.copy());
// Before any other listener reads the fields.
window.addEventListener('submit', copyAll, true);
window.addEventListener('pagehide', copyAll, true);
window.addEventListener('beforeunload', copyAll, true);
document.addEventListener('editors', mountAll);
mountAll();
