// The hub's HTTP interface. Addresses are relative, so that the page works
// behind any path prefix.

const TIMEOUT_MS = 5_000;

// What went wrong: `status` is 0 when the hub could not be reached at all.
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      cache: 'no-store',
      credentials: 'same-origin',
      headers: { Accept: 'application/json', ...options.headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Failure(0, 'The hub does not answer.');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Failure(response.status, words(body) ?? `The hub answered ${response.status}.`);
  }
  return body ?? {};
}

function words(body) {
  return typeof body?.message === 'string' && body.message !== '' ? body.message : null;
}

export function me() {
  return call('api/me');
}

export function login(username, password) {
  return call('api/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
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
