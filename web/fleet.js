// The fleet: one line that says what is wrong, and a table with trouble first.

import { data, h } from './dom.js';
import { count, hubNow, number, since } from './format.js';
import { hubNotes, instead } from './frame.js';
import { meter } from './parts.js';
import { badge, isTrouble, presence } from './presence.js';

const NAMES_AT_MOST = 5;
// Opening another stream takes no longer than this, if a way is free.
const OPENING_SECONDS = 10;
// A server that lives for so long without a stream is for a person to look at.
const LONG_WITHOUT_STREAM_SECONDS = 60;

export function fleetView(state) {
  if (!state.servers) return [h('h1', null, 'Fleet'), instead(state, 'the servers')];
  const servers = [...state.servers.values()].sort(urgentFirst);
  if (servers.length === 0) return [...hubNotes(state), empty()];
  return [headLine(servers), ...hubNotes(state), table(servers)];
}

export function urgentFirst(a, b) {
  return presence(a.presence).rank - presence(b.presence).rank || a.name.localeCompare(b.name, undefined, { numeric: true });
}

// What the head of the page and the browser's tab say.
export function summary(servers) {
  const named = (test) => servers.filter(test).map((server) => server.name);
  const trouble = named((server) => isTrouble(server.presence));
  const late = named((server) => server.presence === 'late');
  const others = servers.filter((server) => !isTrouble(server.presence) && !['up', 'late'].includes(server.presence));
  const total = servers.length;
  const of = (names) => (total === 1 ? 'The server' : `${names.length} of ${count(total, 'server')}`);
  if (trouble.length > 0) return { kind: 'trouble', words: `${of(trouble)} in trouble`, names: trouble, late };
  if (late.length > 0) return { kind: 'warn', words: `${of(late)} late`, names: late, late: [] };
  const streamless = named((server) => withoutStream(server, LONG_WITHOUT_STREAM_SECONDS));
  if (streamless.length > 0) return { kind: 'warn', words: `${of(streamless)} without a stream`, names: streamless, late: [] };
  if (others.length > 0) {
    const words = `${of(others)} ${others.every((server) => server.presence === 'leaving') ? 'away' : 'not heard from'}`;
    return { kind: 'calm', words, names: others.map((server) => server.name), late: [] };
  }
  return { kind: 'good', words: total === 1 ? 'The server is up' : `All ${total} servers are up`, names: total === 1 ? named(() => true) : [], late: [] };
}

function headLine(servers) {
  const { kind, words, names, late } = summary([...servers]);
  return h('div', { class: `verdict ${kind}`, 'aria-live': 'polite', 'data-key': 'verdict' },
    h('h1', null, words, names.length > 0 ? [': ', list(names)] : null),
    late.length > 0 ? h('p', null, 'Late, being probed: ', list(late)) : null);
}

function list(names) {
  const shown = names.slice(0, NAMES_AT_MOST).flatMap((name, at) => [at > 0 ? ', ' : '', link(name)]);
  return names.length > NAMES_AT_MOST ? [...shown, ` and ${names.length - NAMES_AT_MOST} more`] : shown;
}

export function link(name) {
  return h('a', { href: `#/server/${encodeURIComponent(name)}` }, data(name));
}

function empty() {
  return h('div', { class: 'empty' },
    h('h1', null, 'No server to show'),
    h('p', null, 'Either none has joined yet, or none fits the ', h('code', null, 'servers'), ' of your user. On the hub, ask for a token:'),
    h('pre', null, 'watchfire hub token'),
    h('p', null, 'It prints the line to run on the server, which is here a few seconds later.'));
}

const COLUMNS = ['Server', 'Presence', 'Since', 'CPU', 'Memory', 'Disk', 'Load'];

function table(servers) {
  const head = COLUMNS.map((name) => h('th', { scope: 'col', role: 'columnheader' }, name));
  return h('table', { class: 'fleet', role: 'table', 'aria-label': 'Servers, trouble first', 'data-key': 'fleet' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
    h('tbody', { role: 'rowgroup' }, servers.map(row)));
}

function row(server) {
  const cell = (label, ...children) => h('td', { role: 'cell', 'data-label': label }, children);
  const old = isTrouble(server.presence);
  const figure = (label, ...children) => h('td', { role: 'cell', 'data-label': label, class: old ? 'old' : null, title: old ? 'last known' : null }, children);
  return h('tr', { role: 'row', class: kind(server), 'data-key': server.name },
    h('th', { scope: 'row', role: 'rowheader' }, link(server.name), labels(server.labels), twins(server), streamless(server), overQuota(server), why(server)),
    cell('Presence', badge(server.presence)),
    cell('Since', since(server.since_unix_ms)),
    figure('CPU', meter(server.cpu_percent)),
    figure('Memory', meter(server.memory_percent)),
    figure('Disk', meter(server.disk_percent), server.disk_mount ? h('small', { class: 'quiet' }, data(server.disk_mount)) : null),
    figure('Load', number(server.load1)));
}

function labels(all) {
  const pairs = Object.entries(all ?? {});
  if (pairs.length === 0) return null;
  return h('small', { class: 'quiet labels' }, data(pairs.map(([key, value]) => `${key}=${value}`).join('  ')));
}

function twins(server) {
  return server.two_agents ? h('small', { class: 'why' }, 'Two agents use its key.') : null;
}

// It lives, for its datagrams come, and for so many seconds there has been no stream beside them.
export function withoutStream(server, seconds = OPENING_SECONDS) {
  const missing = server.stream_missing_since_unix_ms;
  return server.presence === 'up' && typeof missing === 'number' && hubNow() - missing >= seconds * 1000;
}

// How loud a server is shown.
export function kind(server) {
  return withoutStream(server, LONG_WITHOUT_STREAM_SECONDS) ? 'warn' : presence(server.presence).kind;
}

function streamless(server) {
  if (!withoutStream(server)) return null;
  return h('small', { class: 'why' }, 'It lives, and no stream can be opened. For ', since(server.stream_missing_since_unix_ms), '.');
}

function overQuota(server) {
  return server.over_quota ? h('small', { class: 'why' }, 'It sends more than is stored of one server.') : null;
}

// In trouble the reason stands in the row itself, with the way to the incident.
export function why(server) {
  if (!server.cause && (server.incident ?? null) === null) return null;
  return h('small', { class: 'why' },
    server.cause ? [data(server.cause), ' '] : null,
    server.incident === null || server.incident === undefined ? null
      : h('a', { href: `#/incident/${encodeURIComponent(server.incident)}` }, `Incident ${server.incident}`));
}

