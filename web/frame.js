// What surrounds every view: the head, the banner, the notes and the foot.

import { data, h } from './dom.js';
import { ZONE, moment } from './format.js';

export function frame(state, view) {
  return [
    head(state),
    banner(state),
    h('main', { id: 'main', tabindex: '-1', class: state.lostSince ? 'stale' : null, 'data-key': `main ${location.hash}` }, view),
    foot(state),
  ];
}

function head({ me, route }) {
  const tab = (name, href, words) =>
    h('a', { href, 'aria-current': route.tab === name ? 'page' : null }, words);
  return h('header', { class: 'head', 'data-key': 'head' },
    h('a', { class: 'brand', href: '#/' }, 'Watchfire'),
    h('nav', { 'aria-label': 'Views' }, tab('fleet', '#/', 'Fleet'), tab('incidents', '#/incidents', 'Incidents'), tab('rules', '#/rules', 'Rules'), tab('channels', '#/channels', 'Channels')),
    h('div', { class: 'who' },
      h('span', { class: 'quiet user', title: `role: ${me.role}` }, data(me.user)),
      h('button', { type: 'button', 'data-do': 'logout' }, 'Sign out')));
}

// The place stands empty while all is well, so that a screen reader hears the change.
function banner({ lostSince, notice }) {
  return h('div', { class: 'banners', role: 'alert', 'data-key': 'banners' },
    lostSince ? h('p', { class: 'banner' },
      h('strong', null, 'Connection to the hub is lost. '),
      'What you see is from ', moment(lostSince), '; trying again.') : null,
    notice ? h('p', { class: 'banner' }, data(notice)) : null);
}

function foot({ me }) {
  return h('footer', { class: 'quiet', 'data-key': 'foot' },
    h('span', null, 'Signed in as ', data(me.user), `, ${me.role}. Times are in ${ZONE}${ZONE === 'UTC' ? '' : '; point at one for UTC'}.`),
    h('span', null, `Watchfire ${me.hub?.version ?? ''}, running since `, moment(me.hub?.started_unix_ms)));
}

// What is wrong with the hub itself.
export function hubNotes(state) {
  return [diskNote(state), mailNote(state)];
}

// What was recorded lately is missing on the page until there is room.
function diskNote({ me }) {
  if (!me.hub?.disk_full_since_unix_ms) return null;
  return h('p', { class: 'note', role: 'alert' },
    h('strong', null, 'The hub’s disk is full '), 'since ', moment(me.hub.disk_full_since_unix_ms),
    '. Servers are watched and alarms are sent; what agents record they keep, and hand it in once there is room.');
}

// Who is told nothing should know it.
export function mailNote({ me }) {
  if (me.hub?.mail_configured !== false) return null;
  return h('p', { class: 'note' },
    h('strong', null, 'Mail is not configured. '),
    'Notifications appear on this page and on the hub’s terminal only. Set ',
    h('code', null, '[mail]'), ' in ', h('code', null, 'hub.toml'), ' and start the hub again.');
}

// While a view has nothing yet: that it waits, or why it will not come.
export function instead({ failure }, what) {
  if (!failure) return h('p', { class: 'quiet' }, `Asking the hub for ${what} …`);
  return h('div', { class: 'empty', role: 'alert' },
    h('p', null, h('strong', null, `Could not get ${what}. `), data(failure)),
    h('button', { type: 'button', 'data-do': 'reload' }, 'Try again'));
}
