// What happens to the file of rules on the screen. Its state is `state.editor`; what was written
// and not saved is kept while the page is open, also when its viewer looks elsewhere.

import * as api from './api.js';
import { fileLink } from './rules.js';

const CHECK_AFTER_MS = 400;
const START = `groups:
  - name: example
    rules:
      - alert: Busy
        expr: instance:cpu_busy:ratio > 0.95
        for: 10m
        labels: { severity: warning }
        annotations:
          summary: "{{ $labels.instance }} has been busy for 10 minutes"
`;

const drafts = new Map(); // editors by name; '' is a new file
let openings = 0;
let timer = 0;

// Shows the file that the address names.
export async function open(page) {
  const { state } = page;
  const { name } = state.route;
  if (drafts.has(name)) {
    show(page, drafts.get(name));
    return;
  }
  await attempt(page, null, async () => {
    if (name) {
      const [file, { may_change: mayChange }] = await Promise.all([api.ruleFile(name), api.ruleFiles()]);
      return of({ file, text: file.text, saved: file.text, mayChange, isLocked: file.kind !== 'made' || !mayChange, checked: { faults: file.faults, warnings: file.warnings, groups: [] } });
    }
    return of({ isNew: true, text: START, saved: START });
  }, (editor) => show(page, editor));
}

function of(some) {
  return { file: null, isNew: false, isLocked: false, mayChange: true, base: some.text, opened: 0, checked: null, rehearsed: null, busy: '', problem: '', isStale: false, isSure: false, ...some };
}

// The element of the text is made anew with what stands in the draft.
function show(page, editor) {
  openings += 1;
  Object.assign(editor, { opened: openings, base: editor.text, isSure: false });
  Object.assign(page.state, { editor, failure: '' });
  page.draw();
  if (!editor.isLocked) check(page);
}

export function typed(page, text) {
  const { editor, route } = page.state;
  if (!editor || editor.isLocked) return;
  Object.assign(editor, { text, isSure: false, problem: '' });
  drafts.set(route.name, editor);
  clearTimeout(timer);
  timer = setTimeout(() => check(page), CHECK_AFTER_MS);
  page.draw();
}

export async function check(page) {
  const { editor } = page.state;
  if (!editor) return;
  const { text } = editor;
  await attempt(page, editor, () => api.checkRules(text), (checked) => {
    if (editor.text === text) editor.checked = checked;
  });
}

export async function rehearse(page) {
  const { editor } = page.state;
  if (!editor || editor.busy) return;
  const { text } = editor;
  await busy(page, editor, 'rehearse', () => api.rehearse(text), (rehearsed) => Object.assign(editor, { rehearsed, rehearsedText: text }));
}

export async function save(page, form) {
  const { editor, me } = page.state;
  if (!editor || editor.busy === 'save' || editor.busy === 'remove' || editor.isLocked) return;
  const { text, file } = editor;
  const name = editor.isNew ? `page/${form.elements.name.value}` : file.name;
  await busy(page, editor, 'save', () => api.putRuleFile(name, text, file?.version, me?.csrf), (kept) => {
    const { isNew } = editor;
    const unchanged = editor.text === text;
    drafts.delete(isNew ? '' : name);
    Object.assign(editor, { file: kept, saved: text, isNew: false, checked: unchanged ? { ...editor.checked, faults: [], warnings: kept.warnings } : editor.checked });
    if (isNew) {
      drafts.set(name, editor);
      location.hash = fileLink(name);
    }
  });
}

// The first press asks for a second one.
export async function remove(page) {
  const { editor, me } = page.state;
  if (!editor?.file || editor.busy) return;
  if (!editor.isSure) {
    editor.isSure = true;
    page.draw();
    return;
  }
  const { name, version } = editor.file;
  await busy(page, editor, 'remove', () => api.removeRuleFile(name, version, me?.csrf), () => {
    drafts.delete(name);
    location.hash = '#/rules';
  });
}

// Drops what was written, and shows what somebody else made of the file.
export function reopen(page) {
  drafts.delete(page.state.route.name);
  page.state.editor = null;
  return open(page);
}

// Begins a new file with the text of one that is locked.
export function copy(page) {
  const { text } = page.state.editor;
  drafts.set('', of({ isNew: true, text, saved: '' }));
  location.hash = '#/rule/';
}

// Puts the cursor where a fault is.
export function goTo(line, column) {
  const field = document.querySelector('[data-input="rule"]');
  if (!field) return;
  const lines = field.value.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const at = Math.min(before + column - 1, field.value.length);
  field.focus();
  field.setSelectionRange(at, at);
  field.scrollTop = Math.max(0, (line - 4) * (field.scrollHeight / Math.max(1, lines.length)));
}

export function isUnsaved() {
  return [...drafts.values()].some((editor) => editor.text !== editor.saved);
}

export function forget() {
  drafts.clear();
  clearTimeout(timer);
}

async function busy(page, editor, what, request, keep) {
  Object.assign(editor, { busy: what, problem: '', isStale: false });
  page.draw();
  await attempt(page, editor, request, keep);
  // A save need not wait for a rehearsal, nor end with it.
  if (editor.busy === what) editor.busy = '';
  page.draw();
}

// Runs a request; `editor` is what its failure is told on, or nothing while there is none.
async function attempt(page, editor, request, keep) {
  const { state } = page;
  const { route } = state;
  try {
    const answer = await request();
    if (editor || state.route === route) keep(answer);
  } catch (error) {
    if (error.status === 401) page.signedOut();
    else if (!editor) state.failure = error.message;
    else {
      editor.problem = error.message;
      editor.isStale = error.status === 412 && !editor.isNew;
      if (error.faults?.length > 0) editor.checked = { faults: error.faults, warnings: [], groups: [] };
    }
  }
  page.draw();
}
