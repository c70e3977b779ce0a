// One file of rules: to read, or to write, check, rehearse and save.

import { data, h } from './dom.js';
import { count, moment, span } from './format.js';
import { instead } from './frame.js';
import { lock } from './parts.js';

const WHERE = {
  'built-in': 'These rules are part of the program. To change one, copy it into a file of your own and set builtin_rules = false in hub.toml.',
  config: 'This file lies beside the hub’s config. Change it there, and send the hub a SIGHUP.',
};
const STRETCHES_AT_MOST = 5;
const ALERTS_AT_MOST = 20;

export function ruleFileView(state) {
  const { editor } = state;
  const back = h('p', { class: 'back' }, h('a', { href: '#/rules' }, '‹ Rules'));
  if (!editor) return [back, h('h1', null, state.route.name ? data(state.route.name) : 'New file'), instead(state, 'this file')];
  return editor.isLocked ? [back, locked(editor)] : [back, form(editor), found(editor), rehearsal(editor)];
}

function locked(editor) {
  const { file } = editor;
  return h('section', { class: 'card editor', 'data-key': 'locked' },
    h('div', { class: 'line' },
      h('h1', null, data(file.name)), h('span', { class: 'tag' }, lock(), 'locked'), h('span', { class: 'grow' }),
      editor.mayChange ? h('button', { type: 'button', 'data-do': 'copy' }, 'Copy into a new file') : null),
    h('p', { class: 'quiet' }, WHERE[file.kind] ?? 'You may look at it and not change it.'),
    sheet(editor, true));
}

function form(editor) {
  const { file, isNew } = editor;
  const busy = editor.busy ? 'true' : null;
  return h('form', { class: 'card editor', 'data-form': 'rule', 'data-key': 'form' },
    h('div', { class: 'line' },
      isNew ? [h('h1', null, 'New file'), h('label', { class: 'name' }, 'page/', h('input', { name: 'name', required: true, maxlength: 64, pattern: '[A-Za-z0-9][A-Za-z0-9_.\\-]*', title: 'letters, digits, - _ .', autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', placeholder: 'disks', 'aria-label': 'Name of the file' }))] : h('h1', null, data(file.name)),
      h('span', { class: 'grow' }),
      file ? h('span', { class: 'quiet' }, 'by ', data(file.author), ' ', moment(file.changed_unix_ms)) : null),
    sheet(editor, false),
    h('div', { class: 'line actions' },
      h('button', { type: 'submit', class: 'primary', 'aria-disabled': busy }, editor.busy === 'save' ? 'Saving …' : 'Save'),
      h('button', { type: 'button', 'data-do': 'rehearse', 'aria-disabled': busy }, editor.busy === 'rehearse' ? 'Rehearsing …' : 'Rehearse the last day'),
      h('span', { class: 'quiet', role: 'status' }, standing(editor)),
      h('span', { class: 'grow' }),
      file ? h('button', { type: 'button', class: 'danger', 'data-do': 'remove', 'aria-disabled': busy }, editor.isSure ? 'Really remove it' : 'Remove') : null),
    h('p', { class: 'problem', role: 'alert' }, editor.problem ? data(editor.problem) : null),
    editor.isStale ? h('p', null, h('button', { type: 'button', 'data-do': 'reopen' }, 'Show what it is now (what you wrote is lost)')) : null);
}

function standing(editor) {
  if (editor.text !== editor.saved) return 'Not saved.';
  return editor.isNew ? '' : editor.file?.evaluated ? 'Saved; its rules are evaluated.' : 'Not evaluated.';
}

// Numbers of lines beside the text; a line with a fault has a mark.
function sheet(editor, isLocked) {
  const faulty = new Set((editor.checked?.faults ?? []).map((one) => one.line));
  const lines = editor.text.split('\n').length;
  const numbers = Array.from({ length: lines }, (_, at) => at + 1);
  // Few elements however long the text is: runs of numbers, and those that have a mark.
  const marked = [];
  let run = [];
  for (const number of numbers) {
    if (faulty.has(number)) {
      marked.push(run.map((one) => `${one}\n`).join(''), h('strong', null, `✕ ${number}`), '\n');
      run = [];
    } else run.push(number);
  }
  marked.push(run.join('\n'));
  return h('div', { class: 'sheet' },
    h('pre', { class: 'numbers', 'aria-hidden': 'true' }, marked),
    // What is typed is the element's own; only another opening makes another element.
    h('textarea', { 'data-key': `text ${editor.opened}`, 'data-input': 'rule', name: 'text', rows: 24, wrap: 'off', spellcheck: 'false', autocapitalize: 'none', autocomplete: 'off', readonly: isLocked, 'aria-label': 'Rules', 'aria-invalid': faulty.size > 0 ? 'true' : null }, editor.base));
}

function found(editor) {
  const { faults = [], warnings = [], groups = [] } = editor.checked ?? {};
  if (!editor.checked) return null;
  const line = (one, kind) => h('li', { class: kind },
    h('button', { type: 'button', 'data-do': 'fault', 'data-line': one.line, 'data-column': one.column }, `Line ${one.line}:${one.column}`), ' ', data(one.words));
  const rules = groups.reduce((sum, group) => sum + group.rules, 0);
  return h('section', { class: 'card', 'data-key': 'found', 'aria-live': 'polite' },
    h('h2', null, faults.length > 0 ? `${count(faults.length, 'fault')}: it cannot be saved so` : `✓ ${count(rules, 'rule')} in ${count(groups.length, 'group')}`),
    faults.length + warnings.length === 0 ? null : h('ol', { class: 'faults' }, faults.map((one) => line(one, 'fault')), warnings.map((one) => line(one, 'warning'))));
}

function rehearsal(editor) {
  const { rehearsed } = editor;
  if (!rehearsed) return null;
  return h('section', { class: 'card', 'data-key': 'rehearsal', 'aria-live': 'polite' },
    h('h2', null, 'Rehearsed: when it would have fired'),
    h('p', { class: 'quiet' }, moment(rehearsed.from_unix_ms), ' to ', moment(rehearsed.until_unix_ms), editor.rehearsedText === editor.text ? null : '; you changed the text since.'),
    rehearsed.groups.map((group) => [
      h('h3', null, data(group.name)),
      group.rules.length === 0 ? h('p', { class: 'quiet' }, 'It has no alerting rule.') : h('ul', { class: 'rehearsed' }, group.rules.map(rule))]));
}

function rule(one) {
  const fired = one.alerts.filter((alert) => alert.firing_ms > 0);
  return h('li', null,
    h('strong', null, data(one.name)), ' ',
    fired.length > 0 ? `${count(fired.length, 'alert')} would have fired` : one.alerts.length > 0 ? `${count(one.alerts.length, 'alert')} pending, none would have fired` : 'would not have fired',
    one.error ? h('p', { class: 'problem' }, `It failed ${count(one.failed, 'time')}: `, data(one.error)) : null,
    one.alerts.length === 0 ? null : h('ul', null, one.alerts.slice(0, ALERTS_AT_MOST).map(alert)),
    one.alerts.length + one.untold > ALERTS_AT_MOST ? h('p', { class: 'quiet' }, `and ${one.alerts.length + one.untold - Math.min(one.alerts.length, ALERTS_AT_MOST)} more`) : null);
}

function alert(one) {
  const names = Object.entries(one.labels).filter(([name]) => name !== 'alertname').map(([name, value]) => `${name}=${value}`);
  const firing = one.stretches.filter((stretch) => stretch.state === 'firing');
  return h('li', null,
    data(names.join(', ') || 'no labels'), `: fired ${span(one.firing_ms / 1000)}, pending ${span(one.pending_ms / 1000)}`,
    firing.slice(0, STRETCHES_AT_MOST).map((stretch) => h('small', { class: 'stretch quiet' }, moment(stretch.from_unix_ms), ' to ', stretch.until_unix_ms ? moment(stretch.until_unix_ms) : 'the end')));
}
