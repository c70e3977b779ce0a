// The alerts of an incident: what fires, how bad it is, since when, and why nobody hears of it.

import { data, h } from './dom.js';
import { count, moment, number, since } from './format.js';
import { severityBadge } from './presence.js';

const SHOWN_ELSEWHERE = ['alertname', 'severity'];

export function alertsCard(incident) {
  const all = incident.alerts ?? [];
  if (all.length === 0) return null;
  const firing = all.filter((alert) => !isOver(alert));
  const over = all.filter(isOver);
  return h('section', { class: 'card' },
    h('h2', null, firing.length > 0 ? `${count(firing.length, 'alert fires', 'alerts fire')}` : 'No alert fires any more'),
    h('ul', { class: 'alerts' }, [...firing, ...over.reverse()].map(item)));
}

function isOver(alert) {
  return (alert.over_unix_ms ?? null) !== null;
}

function item(alert) {
  const { summary, description, runbook_url: runbook } = alert.annotations ?? {};
  const words = [summary, description].filter(Boolean);
  return h('li', { class: isOver(alert) ? 'alert over' : 'alert', 'data-key': alert.id },
    h('div', { class: 'line' },
      severityBadge(alert.severity), h('strong', null, data(alert.labels?.alertname ?? 'alert')),
      typeof alert.value === 'number' ? h('span', { class: 'value', title: 'the value that made it fire' }, number(alert.value, Number.isInteger(alert.value) ? 0 : 2)) : null,
      h('span', { class: 'grow' }),
      isOver(alert) ? h('span', { class: 'quiet' }, 'over since ', moment(alert.over_unix_ms)) : h('span', null, 'for ', since(alert.starts_unix_ms))),
    words.map((text) => h('p', null, data(text))),
    labels(alert.labels),
    alert.muted ? h('p', { class: 'unheard' }, h('strong', null, 'Muted: '), data(alert.muted)) : null,
    h('p', { class: 'quiet' }, 'Since ', moment(alert.starts_unix_ms, true), ', from ', data(alert.source), isWeb(runbook) ? [' · ', h('a', { href: runbook, rel: 'noreferrer noopener' }, 'Runbook')] : null));
}

export function labels(all) {
  const shown = Object.entries(all ?? {}).filter(([name]) => !SHOWN_ELSEWHERE.includes(name));
  return shown.length === 0 ? null : h('ul', { class: 'labels' }, shown.map(([name, value]) => h('li', null, data(`${name}=${value}`))));
}

// A rule's author may write anything; only an address of the web is a link.
function isWeb(text) {
  return typeof text === 'string' && /^https?:\/\//i.test(text);
}
