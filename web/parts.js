// Small pieces that several views are made of.

import { h, s } from './dom.js';
import { percent } from './format.js';

const FULL_PERCENT = 90;

// A bar alone. Widths are attributes of a drawing, because the page's policy allows no inline style.
export function bar(value) {
  const known = typeof value === 'number' && Number.isFinite(value);
  const width = known ? Math.min(100, Math.max(0, value)) : 0;
  return s('svg', { class: `bar ${known && value >= FULL_PERCENT ? 'full' : ''}`, viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { class: 'bar-ground', width: 100, height: 6 }),
    s('rect', { class: 'bar-fill', width: width.toFixed(1), height: 6 }));
}

// A share of a hundred: the figure, and a bar that says it again.
export function meter(value, digits = 0) {
  return h('span', { class: `meter ${value >= FULL_PERCENT ? 'full' : ''}` }, h('span', { class: 'figure' }, percent(value, digits)), bar(value));
}

// What stands before something that is not changed here.
export function lock() {
  return s('svg', { class: 'lock', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, s('path', { d: 'M2 5.5h8V11H2ZM4 5.5V3.5a2 2 0 0 1 4 0v2', class: 'mark-line' }));
}

// A list of terms and what they are; pairs without a value are left out.
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', { class: 'facts' }, known.map(([term, value]) => h('div', null, h('dt', null, term), h('dd', null, value))));
}

// A table inside a frame that scrolls sideways on a narrow screen. `columns` are
// names, or [name, class]; `rows` are arrays of cells, or { key, cells }.
export function grid(label, columns, rows) {
  const named = columns.map((column) => (Array.isArray(column) ? column : [column, null]));
  const line = (row) => {
    const { key, cells } = Array.isArray(row) ? { cells: row } : row;
    return h('tr', { 'data-key': key }, cells.map((cell, at) => h('td', { class: named[at][1] }, cell)));
  };
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', null,
      h('thead', null, h('tr', null, named.map(([name, kind]) => h('th', { scope: 'col', class: kind }, name)))),
      h('tbody', null, rows.map(line))));
}
