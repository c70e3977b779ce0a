// The ways by which whoever looks is told, and whether they work.

import { data, h } from './dom.js';
import { moment } from './format.js';
import { instead, mailNote } from './frame.js';

const RESULTS = {
  accepted: ['✓ worked', 'good'],
  retry: ['↻ failed for now', 'warn'],
  refused: ['✕ refused', 'trouble'],
  unknown: ['… not finished', 'warn'],
};
const TESTS = {
  pending: ['Sending a test …', 'calm'],
  delivered: ['✓ A provider took the test.', 'good'],
  merged: ['✓ A provider took the test.', 'good'],
  waits: ['The test waits: it is tried again until it is taken.', 'warn'],
  dead: ['✕ The test was refused.', 'trouble'],
  failed: ['✕ The test was not sent.', 'trouble'],
};

export function channelsView(state) {
  const title = h('h1', null, 'Your channels');
  if (!state.channels) return [title, instead(state, 'your channels')];
  return [
    title,
    h('p', { class: 'quiet' }, 'How you are told. What is secret in an address is not shown. A test says that nothing is wrong.'),
    mailNote(state),
    state.channels.length === 0 ? none() : h('ul', { class: 'channels' }, state.channels.map((one) => item(state, one))),
  ];
}

function none() {
  return h('div', { class: 'empty' }, h('p', null, h('strong', null, 'You have none, so nobody tells you. '), 'Give yourself ', h('code', null, 'channels'), ' in ', h('code', null, 'hub.toml'), '.'));
}

function item(state, one) {
  const test = state.tests[one.number];
  const [words, kind] = TESTS[test?.state] ?? [];
  return h('li', { class: 'card channel', 'data-key': one.number },
    h('div', { class: 'line' },
      h('strong', null, data(one.channel)), h('span', { class: 'grow' }),
      h('button', { type: 'button', 'data-do': 'test', 'data-number': one.number, 'aria-disabled': test?.state === 'pending' ? 'true' : null, 'aria-label': `Test ${one.channel}` }, 'Test')),
    last(one.last),
    one.budget ? h('p', { class: 'quiet' }, `${one.budget.used} of ${one.budget.most} messages in the last hour.`) : null,
    h('p', { role: 'status', class: `outcome ${kind ?? ''}` }, words, test?.detail ? [' ', h('span', { class: 'detail' }, data(test.detail))] : null));
}

function last(one) {
  if (!one) return h('p', { class: 'quiet' }, 'Nothing went by it so far.');
  const [words, kind] = RESULTS[one.outcome] ?? [String(one.outcome), 'calm'];
  return h('p', null, 'Last used ', moment(one.at_unix_ms), ': ', h('span', { class: `outcome ${kind}` }, words), one.detail ? h('small', { class: 'detail quiet' }, data(one.detail)) : null);
}
