// The process table of one server. A click on a head asks the hub for that order,
// because the top 50 by memory are not among the top 50 by cpu.

import { data, h } from './dom.js';
import { UNKNOWN, bytes, count, moment, percent } from './format.js';

export const TOP = 50;

const STATES = { R: 'running', S: 'sleeping', D: 'waiting for I/O', Z: 'zombie', T: 'stopped', t: 'traced', X: 'dead', I: 'idle' };

// name, class, the hub's word for the order (where it has one), its direction
const COLUMNS = [
  ['Process', null, 'name', 'ascending'],
  ['CPU', 'right', 'cpu', 'descending'],
  ['Memory', 'right', 'rss', 'descending'],
  ['User', null],
  ['PID', 'right', 'pid', 'ascending'],
  ['Threads', 'right'],
  ['State', null],
  ['Started', 'right'],
];

export function processSection({ processes, processFailure, sort }) {
  return h('section', { class: 'card wide', 'data-key': 'processes' },
    h('h2', null, 'Processes'),
    processes ? [told(processes, processFailure), table(processes.processes ?? [], sort)] : waiting(processFailure));
}

function waiting(failure) {
  return failure
    ? h('p', null, h('strong', null, 'No processes to show. '), data(failure))
    : h('p', { class: 'quiet' }, 'Asking the hub for the processes …');
}

function told({ processes, total, at_unix_ms: at }, failure) {
  const shown = processes?.length ?? 0;
  return h('p', { class: 'quiet' },
    total > shown ? `The first ${shown} of ${total}` : count(shown, 'process', 'processes'),
    ', read at ', moment(at), '. CPU is per cent of one core.',
    failure ? [' ', h('strong', null, data(failure))] : null);
}

function table(rows, sort) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Processes' },
    h('table', { class: 'processes' },
      h('thead', null, h('tr', null, COLUMNS.map(([name, kind, order, direction]) => {
        const chosen = order !== undefined && order === sort;
        return h('th', { scope: 'col', class: kind, 'aria-sort': chosen ? direction : null },
          order ? h('button', { type: 'button', 'data-do': 'sort', 'data-sort': order }, name, h('span', { class: 'arrow', 'aria-hidden': 'true' }, chosen ? (direction === 'descending' ? '▼' : '▲') : '')) : name);
      }))),
      h('tbody', null, rows.map(row))));
}

function row(process) {
  const name = process.name || UNKNOWN;
  const cell = (at, ...children) => h('td', { class: COLUMNS[at][1] }, children);
  return h('tr', { 'data-key': `${process.pid} ${process.start_time}` },
    h('td', { class: 'process', title: process.command || null },
      h('span', { class: 'name' }, data(name)),
      process.command ? h('small', { class: 'quiet command' }, data(process.command)) : null),
    cell(1, percent(process.cpu_percent, 1)),
    cell(2, bytes(process.rss_bytes)),
    cell(3, data(process.user ?? UNKNOWN)),
    cell(4, process.pid),
    cell(5, process.threads),
    h('td', { title: STATES[process.state] ?? null }, data(process.state ?? UNKNOWN)),
    cell(7, started(process.start_time)));
}

function started(text) {
  return moment(Date.parse(text));
}
