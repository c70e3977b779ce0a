// One server: what the hub believes of it and why, its last status, its processes.

import { data, h } from './dom.js';
import { bytes, count, moment, number, percent, rate, since, span } from './format.js';
import { kind, why, withoutStream } from './fleet.js';
import { instead } from './frame.js';
import { bar, facts, grid, meter } from './parts.js';
import { processSection } from './processes.js';
import { badge, presence } from './presence.js';

const STALE_SECONDS = 5;

export function serverView(state) {
  const row = state.servers?.get(state.route.name);
  const server = state.server && row ? { ...state.server, ...row } : state.server;
  if (!server) return [back(), h('h1', null, data(state.route.name)), instead(state, 'this server')];
  const now = server.status ? [age(server), status(server.status)] : noStatus(server);
  return [back(), title(server), twins(server), streamless(server), overQuota(server), now, kernel(server.events), processSection(state)];
}

function back() {
  return h('p', { class: 'back', 'data-key': 'back' }, h('a', { href: '#/' }, '‹ Fleet'));
}

function title(server) {
  const labels = Object.entries(server.labels ?? {}).map(([key, value]) => `${key}=${value}`).join('  ');
  return h('div', { class: `verdict ${kind(server)}`, 'data-key': 'title' },
    h('h1', null, data(server.name), ' ', badge(server.presence)),
    h('p', null, presence(server.presence).says, ' For ', since(server.since_unix_ms), '.'),
    why(server),
    facts([
      ['Address', server.address ? data(server.address) : null],
      ['Labels', labels ? data(labels) : null],
      ['Last sign of life', moment(server.last_sign_unix_ms)],
      ['Signs of life come', signs(server)],
      ['Clock', skew(server.clock_skew_seconds)],
    ]));
}

// By what way they come, and how good that way is.
function signs({ pulse, loss_percent: loss, rtt_ms: rtt }) {
  if (pulse === 'stream') return [h('strong', null, 'on the stream only'), ': where packets are lost, a live server may look quiet. Let UDP through.'];
  if (pulse !== 'datagrams') return null;
  const lost = typeof loss === 'number' ? `, ${percent(loss, 1)} lost` : '';
  const back = typeof rtt === 'number' ? `, ${number(rtt, 1)} ms there and back` : '';
  return `as datagrams${lost}${back}`;
}

function skew(seconds) {
  if (typeof seconds !== 'number') return null;
  return h('strong', null, `${span(Math.abs(seconds))} ${seconds > 0 ? 'ahead of' : 'behind'} the hub's`);
}

function twins(server) {
  if (!server.two_agents) return null;
  return h('p', { class: 'note', 'data-key': 'twins' }, h('strong', null, 'Two agents use the key of this server. '), 'A copy of its disk runs somewhere, or somebody took its key: stop one of them, or remove the server and enrol it anew.');
}

function streamless(server) {
  if (!withoutStream(server)) return null;
  return h('p', { class: 'note', 'data-key': 'streamless' }, h('strong', null, 'Signs of life come as datagrams, but no stream can be opened'), ': the way from the hub to the agent (or back) may be broken. What follows is as old as that: ', since(server.stream_missing_since_unix_ms), '.');
}

function overQuota(server) {
  if (!server.over_quota) return null;
  return h('p', { class: 'note', 'data-key': 'quota' }, h('strong', null, 'This server sends more than the hub stores of one server. '), 'What is beyond that is missing in its history. It is watched as before.');
}

function kernel(events = []) {
  if (events.length === 0) return null;
  const isUnit = (event) => event.kind === 'unit_failed';
  const who = events.every(isUnit) ? 'Units that failed' : events.some(isUnit) ? 'The kernel told, and units that failed' : 'The kernel told';
  return card(who, true, grid(`${who}, newest first`, ['When', 'What', 'Its words'], [...events].reverse().map((event) => [
    moment(event.at_unix_ms), data(event.kind), data(event.text),
  ])));
}

function noStatus(server) {
  const words = server.presence === 'up' ? 'It comes within a second or two.' : 'Nothing has come from this server since the hub started.';
  return h('div', { class: 'empty' }, h('p', null, h('strong', null, 'No status yet. '), words));
}

function age({ status_age_seconds: seconds }) {
  if (!(seconds > STALE_SECONDS)) return null;
  return h('p', { class: 'note' }, h('strong', null, 'The last known status: '), `what follows is ${span(seconds)} old.`);
}

function status(now) {
  return h('div', { class: 'cards' },
    cpu(now.cpu, now.cpu_percent), memory(now), load(now), host(now.host), filesystems(now.filesystems), disks(now.disks), networks(now.networks));
}

function card(title, wide, ...children) {
  return h('section', { class: wide ? 'card wide' : 'card', 'data-key': title }, h('h2', null, title), children);
}

function cpu(total, busy) {
  const cores = total?.cores ?? [];
  return card('Processors', false,
    big(busy),
    facts([
      ['User', percent(total?.user_percent, 1)],
      ['System', percent(total?.system_percent, 1)],
      ['Waiting for I/O', percent(total?.iowait_percent, 1)],
      ['Stolen', percent(total?.steal_percent, 1)],
      ['Limit', typeof total?.limit_cores === 'number' ? count(Number(total.limit_cores.toFixed(2)), 'core') : null],
    ]),
    h('ol', { class: 'cores', 'aria-label': 'Each core', start: 0 }, cores.map((core, at) =>
      h('li', { title: `core ${at}: ${percent(core.busy_percent, 1)}` }, h('span', { class: 'quiet' }, at), bar(core.busy_percent), h('span', { class: 'figure' }, percent(core.busy_percent))))));
}

function big(value) {
  return h('p', { class: 'big' }, meter(value, 1));
}

function memory({ memory: all, ram_percent: used, swap }) {
  const hasSwap = swap?.total_bytes > 0;
  return card('Memory', false,
    big(used ?? all?.used_percent),
    facts([
      ['Used', `${bytes(all?.used_bytes)} of ${bytes(all?.total_bytes)}`],
      ['Available', bytes(all?.available_bytes)],
      ['Limit', typeof all?.limit_bytes === 'number' ? bytes(all.limit_bytes) : null],
      ['Swap', hasSwap ? `${bytes(swap.used_bytes)} of ${bytes(swap.total_bytes)}` : 'none'],
    ]));
}

function load({ load: all, uptime_seconds: uptime }) {
  return card('Load', false,
    h('p', { class: 'big' }, h('span', { class: 'figure' }, number(all?.one)), h('small', { class: 'quiet' }, ' over 1 min')),
    facts([
      ['5 min, 15 min', `${number(all?.five)}, ${number(all?.fifteen)}`],
      ['Threads', all ? `${all.running} running of ${all.threads}` : null],
      ['Uptime', span(uptime)],
    ]));
}

function host(all) {
  if (!all) return null;
  const said = (text) => (text ? data(text) : null);
  return card('Host', false, facts([
    ['Name', said(all.hostname)],
    ['System', said(all.os)],
    ['Kernel', said([all.kernel, all.architecture].filter(Boolean).join(' '))],
    ['Processor', said(all.cpu_model)],
    ['Cores', all.cores],
  ]));
}

function filesystems(all = []) {
  if (all.length === 0) return null;
  return card('Filesystems', true, grid('Filesystems', ['Mounted at', 'Used', ['Free', 'right'], ['Size', 'right'], 'Device', 'Kind'], all.map((fs) => [
    data(fs.mount_point),
    fs.stale ? h('strong', null, 'does not answer') : meter(fs.used_percent),
    bytes(fs.stale ? null : fs.available_bytes),
    bytes(fs.stale ? null : fs.size_bytes),
    data(fs.device),
    [data(fs.kind), fs.read_only ? ', read-only' : ''],
  ])));
}

function disks(all = []) {
  if (all.length === 0) return null;
  return card('Disks', true, grid('Disks', ['Name', ['Read', 'right'], ['Written', 'right'], 'Busy'], all.map((disk) => [
    data(disk.name), rate(disk.read_bytes_per_s), rate(disk.written_bytes_per_s), meter(disk.busy_percent),
  ])));
}

function networks(all = []) {
  if (all.length === 0) return null;
  const plain = (value) => (typeof value === 'number' ? `${number(value, 1)}/s` : '–');
  return card('Networks', true, grid('Networks', ['Name', ['Received', 'right'], ['Sent', 'right'], ['Errors', 'right'], ['Drops', 'right']], all.map((net) => [
    data(net.name), rate(net.received_bytes_per_s), rate(net.sent_bytes_per_s), plain(net.errors_per_s), plain(net.drops_per_s),
  ])));
}
