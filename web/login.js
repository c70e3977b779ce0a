// The way in.

import { data, h } from './dom.js';

export function loginView({ loginError, loginBusy, loginCode }) {
  return h('main', { id: 'main', class: 'login' },
    h('h1', null, 'Watchfire'),
    h('form', { 'data-form': 'login', method: 'post', action: 'api/login' },
      h('label', null, 'User', h('input', { name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true })),
      h('label', null, 'Password', h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true })),
      loginCode ? h('label', { 'data-key': 'code' }, 'Code', h('input', { name: 'code', autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false', required: true })) : null,
      h('p', { class: 'problem', role: 'alert' }, loginError ? data(loginError) : null),
      h('button', { type: 'submit', class: 'primary', 'aria-disabled': loginBusy ? 'true' : null }, loginBusy ? 'Signing in …' : 'Sign in')),
    h('p', { class: 'quiet' }, 'The first start of ', h('code', null, 'watchfire up'), ' printed the password of ', h('code', null, 'admin'), ' on its terminal, once.'));
}
