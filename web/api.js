// The hub's HTTP interface. Addresses are relative, so that the page works
// behind any path prefix.

const TIMEOUT_MS = 5_000;

// What went wrong: `status` is 0 when the hub could not be reached at all.
export class Failure extends Error {
  constructor(status, message, faults = [], needs = null) {
    super(message);
    this.status = status;
    this.needs = needs; // what would make it a yes: a code, the password
    this.faults = faults; // what is wrong with a file of rules, by line
  }
}

async function call(path, { patience = TIMEOUT_MS, ...options } = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      cache: 'no-store',
      credentials: 'same-origin',
      headers: { Accept: 'application/json', ...options.headers },
      signal: AbortSignal.timeout(patience),
    });
  } catch {
    throw new Failure(0, 'The hub does not answer.');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Failure(response.status, words(body) ?? `The hub answered ${response.status}.`, body?.faults, body?.needs);
  }
  return body ?? {};
}

function words(body) {
  // Prometheus' paths say `error` where ours say `message`.
  const said = body?.message ?? body?.error;
  return typeof said === 'string' && said !== '' ? said : null;
}

export function me() {
  return call('api/me');
}

// A code only of who has a second factor: the hub says so after the right password.
export function login(username, password, code) {
  return call('api/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password, ...(code ? { code } : {}) }),
  });
}

export function logout(csrf) {
  return call('api/logout', { method: 'POST', headers: { 'X-Watchfire-Csrf': csrf ?? '' } });
}

// A change asks with the value that proves that our own page does.
function change(method, path, csrf, body) {
  const options = { method, headers: { 'X-Watchfire-Csrf': csrf ?? '' } };
  if (body) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  return call(path, options);
}

export function acknowledge(id, csrf) {
  return change('POST', `api/incidents/${encodeURIComponent(id)}/acknowledge`, csrf);
}

export function takeBack(id, csrf) {
  return change('DELETE', `api/incidents/${encodeURIComponent(id)}/acknowledge`, csrf);
}

export function note(id, text, csrf) {
  return change('POST', `api/incidents/${encodeURIComponent(id)}/notes`, csrf, { text });
}

export function servers() {
  return call('api/servers');
}

export function server(name) {
  return call(`api/servers/${encodeURIComponent(name)}`);
}

export function processes(name, top, sort) {
  return call(`api/servers/${encodeURIComponent(name)}/processes?${new URLSearchParams({ top, sort })}`);
}

export function incidents(limit) {
  return call(`api/incidents?${new URLSearchParams({ limit })}`);
}

export function incident(id) {
  return call(`api/incidents/${encodeURIComponent(id)}`);
}

export function silence(wish, csrf) {
  return change('POST', 'api/silences', csrf, wish);
}

export function channels() {
  return call('api/channels');
}

export function testChannel(number, csrf) {
  return change('POST', `api/channels/${encodeURIComponent(number)}/test`, csrf);
}

export function channelTest(id) {
  return call(`api/channels/tests/${encodeURIComponent(id)}`);
}

// ---- Rules

const REHEARSAL_MS = 15_000;

// The groups with how their rules do, and what fires.
export async function ruleGroups() {
  const { data } = await call('api/v1/rules');
  return data?.groups ?? [];
}

export function ruleFiles() {
  return call('api/rules/files');
}

// A name has a slash in it, which stands in the address as it is.
function fileAddress(name) {
  return `api/rules/files/${name.split('/').map((part) => (/^\.*$/.test(part) ? part.replaceAll('.', '%2E') : encodeURIComponent(part))).join('%2F')}`;
}

export function ruleFile(name) {
  return call(fileAddress(name));
}

// What it replaces is said by its version; without one it is a new file.
export function putRuleFile(name, text, version, csrf) {
  const expected = version ? { 'If-Match': `"${version}"` } : { 'If-None-Match': '*' };
  return call(fileAddress(name), {
    method: 'PUT',
    headers: { 'X-Watchfire-Csrf': csrf ?? '', 'Content-Type': 'application/yaml', ...expected },
    body: text,
    patience: REHEARSAL_MS,
  });
}

export function removeRuleFile(name, version, csrf) {
  return call(fileAddress(name), { method: 'DELETE', headers: { 'X-Watchfire-Csrf': csrf ?? '', 'If-Match': `"${version}"` }, patience: REHEARSAL_MS });
}

export function checkRules(text) {
  return call('api/rules/check', { method: 'POST', headers: { 'Content-Type': 'application/yaml' }, body: text });
}

export function rehearse(rules) {
  return call('api/v1/rules/rehearse', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ rules }), patience: REHEARSAL_MS });
}
