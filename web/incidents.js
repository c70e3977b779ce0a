// The incidents, those that go on first. What belongs together is one.

import { data, h } from './dom.js';
import { count, hubNow, moment, span } from './format.js';
import { link } from './fleet.js';
import { hubNotes, instead } from './frame.js';
import { badge, severityBadge } from './presence.js';

export const AT_MOST = 200;
const SEVERITIES = ['critical', 'warning', 'info'];

export function incidentsView(state) {
  if (!state.incidents) return [h('h1', null, 'Incidents'), instead(state, 'the incidents')];
  const families = familiesOf([...state.incidents.values()]).sort(openFirst);
  const open = families.filter(isOpen).length;
  return [
    h('h1', null, open === 0 ? 'No incident goes on' : `${open} ${open === 1 ? 'incident goes' : 'incidents go'} on`),
    ...hubNotes(state),
    families.length === 0 ? empty() : h('ul', { class: 'incidents' }, families.map((family) => item(state, family))),
    state.incidents.size >= AT_MOST ? h('p', { class: 'quiet' }, `The last ${AT_MOST} are shown.`) : null,
  ];
}

// Lists of incidents that belong together, each with its first one in front.
function familiesOf(incidents) {
  const families = new Map();
  for (const one of incidents) {
    const root = one.part_of ?? one.id;
    if (!families.has(root)) families.set(root, []);
    families.get(root).push(one);
  }
  return [...families.values()].map((family) => family.sort((a, b) => a.id - b.id));
}

// Whether something of it goes on.
export function isOpen(family) {
  return family.some((one) => (one.closed_unix_ms ?? null) === null);
}

function openFirst(a, b) {
  return Number(isOpen(b)) - Number(isOpen(a)) || b.at(-1).id - a.at(-1).id;
}

function empty() {
  return h('div', { class: 'empty' },
    h('p', null, 'There was none so far. When a server goes dark or an alert fires, it stands here with what happened and who was told.'));
}

function item(state, family) {
  const [first] = family;
  const by = family.find((one) => one.acknowledged)?.acknowledged;
  return h('li', { class: `incident ${tone(family)}`, 'data-key': first.id },
    h('div', { class: 'line' }, badges(family), h('strong', null, subject(state, first)), h('span', { class: 'grow' }), duration(family)),
    causes(family),
    h('p', { class: 'quiet' },
      h('a', { href: `#/incident/${encodeURIComponent(first.id)}` }, `Incident ${first.id}`),
      family.length > 1 ? `, with ${count(family.length - 1, 'other')}` : null,
      first.kind === 'alerts' ? ', since ' : ', judged ', moment(first.judged_unix_ms),
      by ? [', acknowledged by ', data(by.by)] : null));
}

// A server that does not answer weighs as much as a critical alert.
export function tone(family) {
  if (!isOpen(family)) return 'over';
  const open = family.filter((one) => isOpen([one]));
  if (open.some((one) => one.kind !== 'alerts' || one.severity === 'critical')) return 'trouble';
  return open.some((one) => one.severity === 'warning') ? 'warn' : 'calm';
}

// What its server's presence is or was, and how bad its alerts are. What is over of it is said
// only when all of it is.
export function badges(family) {
  const open = family.filter((one) => isOpen([one]));
  const told = open.length > 0 ? open : family;
  const presence = told.filter((one) => one.kind !== 'alerts').at(-1);
  const alerts = told.filter((one) => one.kind === 'alerts').map((one) => one.severity);
  const worst = SEVERITIES.find((severity) => alerts.includes(severity)) ?? alerts[0];
  return [presence ? badge(presence.presence) : null, worst ? severityBadge(worst) : null];
}

// Why, each reason once.
export function causes(family) {
  return [...new Set(family.map((one) => one.cause).filter(Boolean))].map((cause) => h('p', null, data(cause)));
}

// An alert may be about no server; then it is known by its name.
export function subject(state, incident) {
  const isServer = incident.kind !== 'alerts' || state.servers?.has(incident.server);
  return isServer ? link(incident.server) : data(incident.server);
}

export function began(family) {
  return Math.min(...family.map((one) => one.silence_began_unix_ms ?? one.judged_unix_ms));
}

// "goes on for 3 min", "over after 12 s".
export function duration(family) {
  if (isOpen(family)) return h('strong', { class: 'state' }, `goes on for ${span((hubNow() - began(family)) / 1000)}`);
  const closed = Math.max(...family.map((one) => one.closed_unix_ms));
  return h('span', { class: 'state' }, `over after ${span((closed - began(family)) / 1000)}`);
}
