// One incident: what happened when, and who was told how.

import { data, h } from './dom.js';
import { count, moment, span, took } from './format.js';
import { alertsCard } from './alerts.js';
import { instead, mailNote } from './frame.js';
import { badges, began, causes, duration, isOpen, subject, tone } from './incidents.js';
import { facts, grid } from './parts.js';
import { silenceForm } from './silence.js';

const KINDS = { last_sign: 'last sign', observed: 'observed', judged: 'judged', recovered: 'recovered', corrected: 'corrected', black_box: 'black box', muted: 'muted', fired: 'fired', resolved: 'resolved', acknowledged: 'acknowledged', note: 'note', escalated: 'escalated', silenced: 'silenced' };
const TELLS = { down: 'trouble', changed: 'change', recovered: 'recovery', report: 'report', firing: 'alert', resolved: 'alert is over', escalated: 'nobody looked after it' };

// What a notification's state means, and how it is marked.
const STATES = {
  pending: ['… waiting', 'warn', 'Not accepted yet; it is tried until a provider takes it.'],
  delivered: ['✓ delivered', 'good', 'A provider accepted it.'],
  merged: ['told with a later one', 'calm', 'A later notification of this incident told it as well.'],
  dead: ['✕ not delivered', 'trouble', 'Every channel refused it for good.'],
};
const OUTCOMES = {
  accepted: ['✓ accepted', 'good'],
  retry: ['↻ failed for now', 'warn'],
  refused: ['✕ refused for good', 'trouble'],
  unknown: ['… not finished', 'warn'],
};

export function incidentView(state) {
  const { incident } = state;
  const back = h('p', { class: 'back' }, h('a', { href: '#/incidents' }, '‹ Incidents'));
  if (!incident) return [back, h('h1', null, `Incident ${state.route.id}`), instead(state, 'this incident')];
  return [back, title(state, incident), alertsCard(incident), tending(state, incident), timeline(incident), told(state, incident)];
}

// The incident and all that belong to it, the first one in front.
export function familyOf(incident) {
  return [incident, ...(incident.family ?? [])].sort((a, b) => a.id - b.id);
}

function title(state, incident) {
  const family = familyOf(incident);
  const presence = family.filter((one) => one.kind !== 'alerts').at(-1);
  const closed = family.map((one) => one.closed_unix_ms);
  return h('div', { class: `verdict ${tone(family)}` },
    h('h1', null, subject(state, family[0]), ' ', badges(family), ' ', duration(family)),
    causes(family),
    facts([
      ['Silence began', presence ? moment(presence.silence_began_unix_ms, true) : null],
      ['Judged', presence ? moment(presence.judged_unix_ms, true) : null],
      ['After silence of', typeof presence?.silent_seconds === 'number' ? `${presence.silent_seconds.toFixed(1)} s` : null],
      ['Not counted', presence?.hub_stalled_seconds > 0 ? `${presence.hub_stalled_seconds.toFixed(1)} s in which the hub itself stood still` : null],
      ['Since', presence ? null : moment(began(family), true)],
      ['Over', isOpen(family) ? 'not yet' : moment(Math.max(...closed), true)],
    ]));
}

// Who looks after it, and what may be done about it. Viewers look.
function tending(state, incident) {
  const family = familyOf(incident);
  const goesOn = isOpen(family);
  const by = family.find((one) => one.acknowledged)?.acknowledged;
  const may = state.me?.role === 'operator' || state.me?.role === 'admin';
  if (!by && !may) return null;
  return h('section', { class: 'card tending' },
    h('div', { class: 'line' },
      by ? h('p', null, h('strong', null, data(by.by)), ' looks after it since ', moment(by.at_unix_ms)) : h('p', null, goesOn ? 'Nobody looks after it.' : 'Nobody looked after it.'),
      h('span', { class: 'grow' }),
      may && goesOn ? h('button', { type: 'button', 'data-do': 'silencing', 'aria-expanded': String(state.silencing) }, 'Silence …') : null,
      may && goesOn ? (by ? button('take-back', 'Take it back') : button('acknowledge', 'Acknowledge', true)) : null),
    state.silenced ? h('p', { class: 'done', role: 'status' }, 'Silenced until ', moment(state.silenced.to_unix_ms), ': ', h('code', null, data(state.silenced.matchers))) : null,
    may && goesOn && state.silencing ? silenceForm(state, incident) : null,
    may ? h('form', { 'data-form': 'note' },
      h('label', null, 'Note', h('textarea', { name: 'text', rows: 2, maxlength: 4000, required: true })),
      h('button', { type: 'submit' }, 'Add the note')) : null,
    h('p', { class: 'problem', role: 'alert' }, state.tendProblem ? data(state.tendProblem) : null));
}

function button(what, words, primary) {
  return h('button', { type: 'button', 'data-do': what, class: primary ? 'primary' : null }, words);
}

function timeline(incident) {
  const entries = incident.timeline ?? [];
  const start = familyOf(incident).find((one) => one.kind !== 'alerts')?.silence_began_unix_ms ?? entries[0]?.at_unix_ms;
  return h('section', { class: 'card' },
    h('h2', null, 'What happened'),
    entries.length === 0 ? h('p', { class: 'quiet' }, 'Nothing is written down.') : h('ol', { class: 'timeline' }, entries.map((entry) =>
      h('li', { class: entry.kind === 'note' ? 'written' : entry.kind },
        h('span', { class: 'when' }, moment(entry.at_unix_ms, true), h('small', { class: 'quiet' }, offset(entry.at_unix_ms - start))),
        h('span', { class: 'what' }, h('small', { class: 'kind' }, KINDS[entry.kind] ?? data(entry.kind)), ' ', data(entry.text))))));
}

function offset(ms) {
  if (!Number.isFinite(ms)) return '';
  const seconds = Math.abs(ms) / 1000;
  return `${ms < 0 ? '−' : '+'}${seconds < 120 ? `${seconds.toFixed(1)} s` : span(seconds)}`;
}

function told(state, incident) {
  const all = incident.notifications ?? [];
  return h('section', { class: 'card' },
    h('h2', null, 'Who was told'),
    mailNote(state),
    all.length === 0 ? nobody() : all.map(notification));
}

function nobody() {
  return h('p', null, h('strong', null, 'Nobody was told. '),
    'No user’s ', h('code', null, 'servers'), ' fits this server. Give one a matcher and ', h('code', null, 'channels'), ' in ', h('code', null, 'hub.toml'), '.');
}

function notification(one) {
  const [word, kind, says] = STATES[one.state] ?? [String(one.state), 'calm', ''];
  const deliveries = one.deliveries ?? [];
  return h('article', { class: 'notification', 'data-key': one.id },
    h('div', { class: 'line' },
      h('strong', null, data(one.user)), h('span', { class: 'quiet' }, TELLS[one.kind] ?? data(one.kind)),
      h('span', { class: 'grow' }), h('span', { class: `badge ${kind}`, title: says }, word)),
    h('p', null, data(one.subject)),
    h('p', { class: 'quiet' }, 'Written down ', moment(one.created_unix_ms, true), '. ',
      deliveries.length === 0 ? (one.state === 'pending' ? 'Not tried yet.' : '') : `${count(deliveries.length, 'try', 'tries')}:`),
    deliveries.length === 0 ? null : grid(`Deliveries to ${one.user}`, [['Try', 'right'], 'Outcome', ['Took', 'right'], 'Began', 'Channel', 'Answer'], deliveries.map(delivery)));
}

function delivery(one) {
  const [word, kind] = OUTCOMES[one.outcome] ?? [String(one.outcome), 'calm'];
  const ended = (one.ended_unix_ms ?? null) !== null;
  return [
    one.attempt,
    h('span', { class: `outcome ${kind}` }, word),
    ended ? took(one.ended_unix_ms - one.began_unix_ms) : '…',
    moment(one.began_unix_ms, true),
    data(one.channel),
    data(one.detail ?? ''),
  ];
}
