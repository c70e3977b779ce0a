// Numbers and times as people read them. What is not known is a dash, never a zero.

import { h } from './dom.js';

export const UNKNOWN = '–';

const known = (value) => typeof value === 'number' && Number.isFinite(value);

// The hub's clock less ours, in milliseconds: what is "3 s ago" is told by the hub's clock.
let skew = 0;

export function setHubTime(unixMs) {
  if (known(unixMs)) skew = unixMs - Date.now();
}

export function hubNow() {
  return Date.now() + skew;
}

export function percent(value, digits = 0) {
  return known(value) ? `${value.toFixed(digits)} %` : UNKNOWN;
}

export function number(value, digits = 2) {
  return known(value) ? value.toFixed(digits) : UNKNOWN;
}

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function rate(value) {
  return known(value) ? `${bytes(value)}/s` : UNKNOWN;
}

// A length of time in its two largest units.
export function span(seconds) {
  if (!known(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return '0 s';
  let rest = whole;
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count} ${name}` : '';
  });
  return parts.filter(Boolean).join(' ');
}

// A short length of time, exact: how long a delivery took.
export function took(ms) {
  if (!known(ms)) return UNKNOWN;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const format = (options) => new Intl.DateTimeFormat(undefined, { hourCycle: 'h23', ...options });
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
const TIME = format(CLOCK);
const EXACT = format({ ...CLOCK, fractionalSecondDigits: 3 });
const DAY = format({ day: 'numeric', month: 'short' });
const YEAR = format({ day: 'numeric', month: 'short', year: 'numeric' });

export const ZONE = format({}).resolvedOptions().timeZone ?? 'local time';

function utc(unixMs) {
  return new Date(unixMs).toISOString().replace('T', ' ').replace('Z', ' UTC');
}

function day(unixMs) {
  const then = new Date(unixMs);
  const now = new Date(hubNow());
  if (then.toDateString() === now.toDateString()) return '';
  return `${(then.getFullYear() === now.getFullYear() ? DAY : YEAR).format(then)}, `;
}

const valid = (unixMs) => known(unixMs) && Math.abs(unixMs) < 8.64e15;

// A moment in the viewer's zone, with UTC beside it.
export function moment(unixMs, exact = false) {
  if (!valid(unixMs)) return h('span', { title: 'not known' }, UNKNOWN);
  const words = day(unixMs) + (exact ? EXACT : TIME).format(unixMs);
  return h('time', { datetime: new Date(unixMs).toISOString(), title: utc(unixMs) }, words);
}

// How long ago a moment was.
export function since(unixMs) {
  if (!valid(unixMs)) return h('span', { title: 'not known' }, UNKNOWN);
  const title = `since ${day(unixMs)}${TIME.format(unixMs)} here, ${utc(unixMs)}`;
  return h('time', { datetime: new Date(unixMs).toISOString(), title }, span((hubNow() - unixMs) / 1000));
}

// "1 server", "2 servers".
export function count(amount, one, many = `${one}s`) {
  return `${amount} ${amount === 1 ? one : many}`;
}
