// What each presence is called, how much it weighs, and its mark. The mark's
// shape tells it apart without colour: a lit fire is up, a dark one is down.

import { h, s } from './dom.js';

const FLAME = 'M12 2c1 4 6 6.5 6 12a6 6 0 0 1-12 0c0-2.6 1.2-4.4 2.6-6 .3 1.7 1 2.7 2.1 3.2C10.3 8 10.4 5 12 2Z';
const HEART = 'M12 12.5c.6 1.6 2.4 2.4 2.4 4.6a2.4 2.4 0 0 1-4.8 0c0-1.9 1.6-2.8 2.4-4.6Z';

const line = (d) => ['path', { d, class: 'mark-line' }];
const LIT = [['path', { d: FLAME, class: 'mark-fire' }], ['path', { d: HEART, class: 'mark-heart' }]];
const DARK = ['path', { d: FLAME, class: 'mark-line' }];

// Rank: what a person must see first stands first.
const PRESENCES = {
  down: { word: 'down', rank: 0, kind: 'trouble', mark: [DARK, line('M3 3 21 21')], says: 'Quiet, and nothing at its address answers.' },
  unreachable: { word: 'unreachable', rank: 1, kind: 'trouble', mark: [line('M9 7 4 12l5 5M15 7l5 5-5 5M12 4v3M12 17v3')], says: 'Others reach it and the hub does not.' },
  agent_down: { word: 'agent down', rank: 2, kind: 'trouble', mark: [line('M4 4h16v16H4ZM8.5 8.5l7 7M15.5 8.5l-7 7')], says: 'Its host answers, its agent does not.' },
  late: { word: 'late', rank: 3, kind: 'warn', mark: [line('M12 3a9 9 0 1 0 .01 0M12 7v5l3.5 2')], says: 'Quiet for some seconds: the hub is probing it.' },
  leaving: { word: 'leaving', rank: 4, kind: 'calm', mark: [line('M10 4H5v16h5M10 12h10M16 8l4 4-4 4')], says: 'It said goodbye and may be away for a while.' },
  unknown: { word: 'unknown', rank: 5, kind: 'calm', mark: [line('M8.5 9a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.2-1.5 2.3M12 18v.5')], says: 'The hub has not heard of it yet.' },
  up: { word: 'up', rank: 6, kind: 'good', mark: LIT, says: 'Signs of life arrive.' },
};

// The hub may be newer than the page: a word it does not know is shown as it is.
export function presence(name) {
  return PRESENCES[name] ?? { ...PRESENCES.unknown, word: String(name), says: 'This page does not know the word.' };
}

export function isTrouble(name) {
  return presence(name).kind === 'trouble';
}

function mark(name) {
  const drawn = presence(name).mark.map(([tag, attributes]) => s(tag, attributes));
  return s('svg', { class: 'mark', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, ...drawn);
}

export function badge(name) {
  const { word, kind, says } = presence(name);
  return h('span', { class: `badge ${kind}`, title: says }, mark(name), word);
}

// How bad an alert is: the sign's shape tells it apart without colour.
const SEVERITIES = {
  critical: { kind: 'trouble', sign: [line('M12 3 22 20H2ZM12 9v5M12 17v.5')] },
  warning: { kind: 'warn', sign: [line('M12 2 22 12 12 22 2 12ZM12 7.5V13M12 16v.5')] },
  info: { kind: 'calm', sign: [line('M12 3a9 9 0 1 0 .01 0M12 11v6M12 7.5V8')] },
};

export function severityBadge(severity) {
  const { kind, sign } = SEVERITIES[severity] ?? SEVERITIES.info;
  const drawn = sign.map(([tag, attributes]) => s(tag, attributes));
  return h('span', { class: `badge ${kind}` }, s('svg', { class: 'mark', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, ...drawn), String(severity));
}

// The page's icon in the browser's tab: lit, or dark with a red ground.
export function icon(trouble) {
  const shape = trouble
    ? `<rect width="24" height="24" rx="5" fill="#b3261e"/><path d="${FLAME}" fill="none" stroke="#fff" stroke-width="2"/>`
    : `<path d="${FLAME}" fill="#e8590c"/><path d="${HEART}" fill="#ffd43b"/>`;
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${shape}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawing)}`;
}
