// The form that silences what an incident is about.

import { data, h } from './dom.js';
import { hubNow } from './format.js';

const LENGTHS = [['1 h', 3_600], ['4 h', 14_400], ['1 d', 86_400]];
const CHOICES_AT_MOST = 20;

export function silenceForm(state, incident) {
  const choices = choicesOf(state, incident);
  return h('form', { class: 'silence', 'data-form': 'silence', 'data-key': 'silence' },
    h('label', null, 'What', h('select', { name: 'what' }, choices.map(([matchers, words]) => h('option', { value: matchers }, data(words))))),
    h('fieldset', null,
      h('legend', null, 'For how long'),
      LENGTHS.map(([words, seconds], at) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'lasts', value: seconds, checked: at === 0 }), words)),
      h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'lasts', value: 'until' }), 'until', h('input', { type: 'datetime-local', name: 'until', 'aria-label': 'Until when' }))),
    h('label', { class: 'wide' }, 'Why', h('input', { name: 'comment', maxlength: 1000, placeholder: 'new disks' })),
    h('button', { type: 'submit', class: 'primary' }, 'Silence'));
}

// What the form asks of the hub, or what is wrong with it.
export function silenceWish(form) {
  const { what, lasts, until, comment } = Object.fromEntries(new FormData(form));
  const wish = { matchers: what, comment };
  if (lasts !== 'until') return { ...wish, seconds: Number(lasts) };
  const at = new Date(until).getTime();
  if (!Number.isFinite(at)) return 'Say until when.';
  return at > hubNow() ? { ...wish, to_unix_ms: at } : 'That moment is over already.';
}

// The widest choice first: everything of the server, then each alert by its name.
function choicesOf(state, incident) {
  const { server, alerts = [], family = [] } = incident;
  const isServer = incident.kind !== 'alerts' || state.servers?.has(server) || family.some((one) => one.kind !== 'alerts');
  const choices = new Map();
  if (isServer) choices.set(matcher('server', server), `everything of ${server}`);
  for (const { labels } of alerts) {
    if (isServer) choices.set(`${matcher('alertname', labels.alertname)},${matcher('server', server)}`, `${labels.alertname} of ${server}`);
    else choices.set(Object.entries(labels).map(([name, value]) => matcher(name, value)).join(','), `this ${labels.alertname}`);
  }
  return [...choices].slice(0, CHOICES_AT_MOST);
}

function matcher(name, value) {
  return `${name}=${JSON.stringify(value)}`;
}
