// The rules: the files that they stand in, and each group with how it does.

import { labels } from './alerts.js';
import { data, h } from './dom.js';
import { count, moment, since, span } from './format.js';
import { instead } from './frame.js';
import { lock } from './parts.js';

const KINDS = { 'built-in': 'built in', config: 'from the config', made: 'made here' };
const ALERTS_AT_MOST = 20;

export function rulesView(state) {
  const { groups, ruleFiles } = state;
  if (!groups || !ruleFiles) return [h('h1', null, 'Rules'), instead(state, 'the rules')];
  const firing = groups.reduce((sum, group) => sum + inState(group, 'firing'), 0);
  const failing = groups.reduce((sum, group) => sum + failed(group).length, 0);
  return [
    h('div', { class: `verdict ${failing > 0 || firing > 0 ? 'warn' : 'good'}`, 'data-key': 'verdict' },
      h('h1', null, firing > 0 ? `${count(firing, 'alert fires', 'alerts fire')}` : 'No alert fires'),
      h('p', null, failing > 0 ? `${count(failing, 'rule')} cannot be evaluated.` : `${count(ruleCount(groups), 'rule')} in ${count(groups.length, 'group')}, none has failed.`)),
    h('section', { class: 'card' },
      h('div', { class: 'line' },
        h('h2', null, 'Files'), h('span', { class: 'grow' }),
        ruleFiles.may_change ? h('a', { class: 'button', href: '#/rule/' }, 'New file') : null),
      h('ul', { class: 'files' }, ruleFiles.files.map(file))),
    h('section', { class: 'card' },
      h('h2', null, 'Groups'),
      groups.length === 0 ? h('p', { class: 'quiet' }, 'There are none that you may see.') : h('ul', { class: 'groups' }, [...groups].sort(worstFirst).map((group) => item(state, group)))),
  ];
}

export function fileLink(name) {
  return `#/rule/${encodeURIComponent(name)}`;
}

function file(one) {
  return h('li', { 'data-key': one.name },
    h('a', { href: fileLink(one.name) }, data(one.name)),
    h('span', { class: 'tag' }, one.kind === 'made' ? null : lock(), KINDS[one.kind] ?? data(one.kind)),
    h('span', { class: 'quiet' },
      one.evaluated ? `${count(one.rules, 'rule')} in ${count(one.groups, 'group')}` : h('strong', { class: 'outcome trouble' }, '✕ not evaluated'),
      one.author ? [', by ', data(one.author), ' ', moment(one.changed_unix_ms)] : null));
}

function ruleCount(groups) {
  return groups.reduce((sum, group) => sum + group.rules.length, 0);
}

function alertsOf(group) {
  return group.rules.flatMap((rule) => rule.alerts ?? []);
}

function inState(group, word) {
  return alertsOf(group).filter((alert) => alert.state === word).length;
}

function failed(group) {
  return group.rules.filter((rule) => rule.health === 'err');
}

function rank(group) {
  return inState(group, 'firing') > 0 ? 0 : failed(group).length > 0 ? 1 : inState(group, 'pending') > 0 ? 2 : 3;
}

function worstFirst(a, b) {
  return rank(a) - rank(b) || a.file.localeCompare(b.file) || a.name.localeCompare(b.name);
}

function item(state, group) {
  const key = `${group.file}\n${group.name}`;
  const isOpen = state.group === key;
  return h('li', { class: 'group', 'data-key': key },
    h('button', { type: 'button', class: 'fold', 'data-do': 'group', 'data-group': key, 'aria-expanded': String(isOpen) },
      h('span', { class: 'arrow', 'aria-hidden': 'true' }, isOpen ? '▾' : '▸'),
      h('strong', null, data(group.name)),
      h('span', { class: 'quiet' }, data(group.file), `, ${count(group.rules.length, 'rule')} every ${span(group.interval)}`),
      h('span', { class: 'grow' }), h('span', { class: 'marks' }, marks(group))),
    isOpen ? h('ul', { class: 'ruleset' }, group.rules.map(rule)) : null);
}

function marks(group) {
  const mark = (amount, kind, words) => (amount > 0 ? h('span', { class: `badge ${kind}` }, words(amount)) : null);
  const all = [
    mark(inState(group, 'firing'), 'trouble', (n) => `${n} firing`),
    mark(inState(group, 'pending'), 'warn', (n) => `${n} pending`),
    mark(failed(group).length, 'warn', (n) => `✕ ${n} failed`),
  ].filter(Boolean);
  if (all.length > 0) return all;
  const isNew = group.rules.some((one) => one.health === 'unknown');
  return h('span', { class: isNew ? 'quiet' : 'outcome good' }, isNew ? 'not evaluated yet' : '✓ well');
}

function rule(one, at) {
  const alerts = one.alerts ?? [];
  return h('li', { 'data-key': at },
    h('div', { class: 'line' }, h('strong', null, data(one.name)), one.type === 'recording' ? h('span', { class: 'tag' }, 'records') : h('span', { class: 'quiet' }, [alerts.length === 0 ? 'inactive' : '', one.duration > 0 ? `fires after ${span(one.duration)}` : ''].filter(Boolean).join(', '))),
    h('pre', { tabindex: '0' }, data(one.query)),
    one.lastError ? h('p', { class: 'problem' }, data(one.lastError)) : null,
    alerts.length === 0 ? null : h('ul', { class: 'alerts' }, alerts.slice(0, ALERTS_AT_MOST).map(alert)),
    alerts.length > ALERTS_AT_MOST ? h('p', { class: 'quiet' }, `and ${alerts.length - ALERTS_AT_MOST} more`) : null);
}

// Few digits are enough here; what is no number stays as it is.
function figure(text) {
  const value = Number(text);
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : text;
}

function alert(one) {
  return h('li', { class: 'alert' },
    h('div', { class: 'line' },
      h('span', { class: `badge ${one.state === 'firing' ? 'trouble' : 'warn'}` }, one.state),
      h('span', null, 'value ', h('span', { class: 'value' }, data(figure(one.value)))), h('span', { class: 'grow' }), h('span', null, 'for ', since(Date.parse(one.activeAt)))),
    one.annotations?.summary ? h('p', null, data(one.annotations.summary)) : null,
    labels(one.labels));
}
