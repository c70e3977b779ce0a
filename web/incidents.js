// The incidents, those that go on first.

import { data, h } from './dom.js';
import { hubNow, moment, span } from './format.js';
import { link } from './fleet.js';
import { hubNotes, instead } from './frame.js';
import { badge } from './presence.js';

export const AT_MOST = 200;

export function incidentsView(state) {
  if (!state.incidents) return [h('h1', null, 'Incidents'), instead(state, 'the incidents')];
  const all = [...state.incidents.values()].sort(openFirst);
  const open = all.filter(isOpen).length;
  return [
    h('h1', null, open === 0 ? 'No incident goes on' : `${open} ${open === 1 ? 'incident goes' : 'incidents go'} on`),
    ...hubNotes(state),
    all.length === 0 ? empty() : h('ul', { class: 'incidents' }, all.map(item)),
    all.length >= AT_MOST ? h('p', { class: 'quiet' }, `The last ${AT_MOST} are shown.`) : null,
  ];
}

export function isOpen(incident) {
  return (incident.closed_unix_ms ?? null) === null;
}

function openFirst(a, b) {
  return Number(isOpen(b)) - Number(isOpen(a)) || b.id - a.id;
}

function empty() {
  return h('div', { class: 'empty' },
    h('p', null, 'There was none so far. When a server goes dark, it stands here with what happened and who was told.'));
}

function item(incident) {
  return h('li', { class: isOpen(incident) ? 'incident trouble' : 'incident', 'data-key': incident.id },
    h('div', { class: 'line' }, badge(incident.presence), h('strong', null, link(incident.server)), h('span', { class: 'grow' }), state(incident)),
    incident.cause ? h('p', null, data(incident.cause)) : null,
    h('p', { class: 'quiet' },
      h('a', { href: `#/incident/${encodeURIComponent(incident.id)}` }, `Incident ${incident.id}`),
      ', judged ', moment(incident.judged_unix_ms),
      incident.acknowledged ? [', acknowledged by ', data(incident.acknowledged.by)] : null));
}

// "goes on for 3 min", "over after 12 s".
export function state(incident) {
  const began = incident.silence_began_unix_ms ?? incident.judged_unix_ms;
  if (isOpen(incident)) return h('strong', { class: 'state' }, `goes on for ${span((hubNow() - began) / 1000)}`);
  return h('span', { class: 'state' }, `over after ${span((incident.closed_unix_ms - began) / 1000)}`);
}
