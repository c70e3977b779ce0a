// The fleet: one line that says what is wrong, and a table with trouble first.

import { data, h } from './dom.js';
import { count, number, since } from './format.js';
import { instead, mailNote } from './frame.js';
import { meter } from './parts.js';
import { badge, isTrouble, presence } from './presence.js';

const NAMES_AT_MOST = 5;

export function fleetView(state) {
  if (!state.servers) return [h('h1', null, 'Fleet'), instead(state, 'the servers')];
  const servers = [...state.servers.values()].sort(urgentFirst);
  if (servers.length === 0) return [mailNote(state), empty()];
  return [headLine(servers), mailNote(state), table(servers)];
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
    h('p', null, 'Either none is configured, or none fits the ', h('code', null, 'servers'), ' of your user. Add one to ', h('code', null, 'hub.toml'), ' and start the hub again:'),
    h('pre', null, '[[server]]\nname = "web-1"\naddress = "10.0.0.11:5000"\nlogin = { user = "hub", password = "${file:/etc/watchfire/web-1-password}" }'));
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
  return h('tr', { role: 'row', class: presence(server.presence).kind, 'data-key': server.name },
    h('th', { scope: 'row', role: 'rowheader' }, link(server.name), labels(server.labels), why(server)),
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

// In trouble the reason stands in the row itself, with the way to the incident.
export function why(server) {
  if (!server.cause && (server.incident ?? null) === null) return null;
  return h('small', { class: 'why' },
    server.cause ? [data(server.cause), ' '] : null,
    server.incident === null || server.incident === undefined ? null
      : h('a', { href: `#/incident/${encodeURIComponent(server.incident)}` }, `Incident ${server.incident}`));
}

