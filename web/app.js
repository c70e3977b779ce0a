// The page: one state, views that are functions of it, and the events that change it.

import * as api from './api.js';
import { channelsView } from './channels.js';
import { h, show } from './dom.js';
import { hubNow, setHubTime } from './format.js';
import { fleetView, summary } from './fleet.js';
import { frame } from './frame.js';
import { familyOf, incidentView } from './incident.js';
import { AT_MOST, incidentsView, isOpen } from './incidents.js';
import * as editing from './editing.js';
import { listen } from './live.js';
import { loginView } from './login.js';
import { icon } from './presence.js';
import { TOP } from './processes.js';
import { ruleFileView } from './rulefile.js';
import { rulesView } from './rules.js';
import { serverView } from './server.js';
import { silenceWish } from './silence.js';

const STATUS_EVERY_MS = 2_000;
const PROCESSES_EVERY_MS = 5_000;
const RULES_EVERY_MS = 5_000;
const TEST_TRIES = 60;
const OVER = 'Your session is over. Sign in again.';

const state = {
  me: null, // who is signed in; null shows the login
  asked: false, // whether the hub has said who we are
  loginError: '',
  loginBusy: false,
  loginCode: false, // whether a code is asked for beside the password
  route: { tab: 'fleet', view: 'fleet' },
  servers: null, // Map by name
  incidents: null, // Map by id
  server: null,
  processes: null,
  processFailure: '',
  sort: 'cpu',
  incident: null,
  tendProblem: '', // why an acknowledgement or a note was not taken
  silencing: false, // whether the form of a silence is open
  silenced: null, // the silence that was just made
  groups: null, // of rules
  ruleFiles: null,
  group: '', // the group whose rules are shown
  editor: null, // the file of rules on the screen
  channels: null,
  tests: {}, // of channels, by number
  failure: '', // why the current view has nothing
  notice: '', // why the last action failed
  heard: null, // the hub's time of the last news
  lostSince: null, // the same, once the connection is lost
};
let stopListening = null;

// ---- Routes

const VIEWS = { fleet: fleetView, server: serverView, incidents: incidentsView, incident: incidentView, rules: rulesView, rule: ruleFileView, channels: channelsView };

function parseRoute() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const argument = decode(rest.join('/'));
  if (name === 'server' && argument) return { tab: 'fleet', view: 'server', name: argument };
  if (name === 'incidents') return { tab: 'incidents', view: 'incidents' };
  if (name === 'incident' && argument) return { tab: 'incidents', view: 'incident', id: argument };
  if (name === 'rules') return { tab: 'rules', view: 'rules' };
  if (name === 'rule') return { tab: 'rules', view: 'rule', name: argument };
  if (name === 'channels') return { tab: 'channels', view: 'channels' };
  return { tab: 'fleet', view: 'fleet' };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function go() {
  Object.assign(state, { route: parseRoute(), server: null, processes: null, processFailure: '', incident: null, tendProblem: '', silencing: false, silenced: null, editor: null, failure: '', notice: '' });
  draw();
  load();
  if (state.me && state.route.view === 'rule') editing.open(page);
}

// Another view: as a new page would, it begins at its top, for the eye and for the keyboard.
function turn() {
  go();
  requestAnimationFrame(() => {
    scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  });
}

// ---- Drawing

let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const page = document.getElementById('page');
    if (state.me) show(page, frame(state, VIEWS[state.route.view](state)));
    else if (state.asked) show(page, loginView(state));
    else show(page, waiting());
    drawTab();
  });
}

function waiting() {
  return h('main', { id: 'main' }, h('p', { class: 'quiet' }, state.failure ? `${state.failure} Trying again …` : 'Asking the hub …'));
}

function drawTab() {
  const servers = state.me && state.servers ? [...state.servers.values()] : [];
  const told = servers.length > 0 ? summary(servers) : null;
  const title = told ? `${told.words} · Watchfire` : 'Watchfire';
  if (document.title !== title) document.title = title;
  const link = document.getElementById('icon');
  const href = icon(told?.kind === 'trouble');
  if (link.getAttribute('href') !== href) link.setAttribute('href', href);
}

// ---- Asking

// Runs a request; what comes back is kept only if the viewer still looks at the same thing.
async function ask(request, keep, failed) {
  const { route } = state;
  try {
    const answer = await request();
    if (state.route === route) keep(answer);
  } catch (error) {
    if (error.status === 401) signedOut(OVER);
    else if (state.route === route) failed(error.message);
  }
  draw();
}

function load() {
  if (!state.me) return;
  const fail = (message) => { state.failure = message; };
  ask(api.servers, keepServers, fail);
  if (state.route.view === 'incidents') loadIncidents();
  if (state.route.view === 'incident') loadIncident();
  if (state.route.view === 'server') {
    loadServer();
    loadProcesses();
  }
  if (state.route.view === 'rules') loadRules();
  if (state.route.view === 'channels') loadChannels();
}

function loadRules() {
  const keep = ([groups, ruleFiles]) => Object.assign(state, { groups, ruleFiles, failure: '' });
  return ask(() => Promise.all([api.ruleGroups(), api.ruleFiles()]), keep, (message) => { state.failure = message; });
}

function loadChannels() {
  const keep = (channels) => Object.assign(state, { channels, failure: '' });
  return ask(api.channels, keep, (message) => { state.failure = message; });
}

// Sends a test, and asks until it is known what became of it.
async function testChannel(button) {
  const { number } = button.dataset;
  if (state.tests[number]?.state === 'pending') return;
  const { route } = state;
  const show = (test) => {
    state.tests[number] = test;
    draw();
  };
  show({ state: 'pending' });
  try {
    let test = await api.testChannel(number, state.me?.csrf);
    for (let tries = 0; test.state === 'pending' && tries < TEST_TRIES && state.route === route; tries += 1) {
      show(test);
      await new Promise((wake) => { setTimeout(wake, 1_000); });
      test = await api.channelTest(test.id);
    }
    show(test.state === 'pending' ? { state: 'waits', detail: test.detail } : test);
  } catch (error) {
    if (error.status === 401) signedOut(OVER);
    show({ state: 'failed', detail: error.message });
  }
  if (state.me && state.route === route) loadChannels();
}

async function makeSilence(form) {
  const wish = silenceWish(form);
  if (typeof wish === 'string') {
    state.tendProblem = wish;
    draw();
    return;
  }
  const made = await tend(async (_, csrf) => { state.silenced = await api.silence(wish, csrf); });
  if (made) state.silencing = false;
  draw();
}

function keepServers({ servers, now_unix_ms: now }) {
  setHubTime(now);
  state.heard = hubNow();
  state.lostSince = null;
  state.servers = new Map((servers ?? []).map((server) => [server.name, server]));
  state.failure = '';
}

function keepIncidents({ incidents }) {
  state.incidents = new Map((incidents ?? []).map((incident) => [incident.id, incident]));
  state.failure = '';
}

function loadIncidents() {
  return ask(() => api.incidents(AT_MOST), keepIncidents, (message) => { state.failure = message; });
}

function loadIncident() {
  const keep = (incident) => Object.assign(state, { incident, failure: '' });
  return ask(() => api.incident(state.route.id), keep, (message) => { state.failure = message; });
}

// Changes the incident on the screen, and shows it as it is then.
async function tend(request) {
  const { route } = state;
  let done = false;
  try {
    await request(route.id, state.me?.csrf);
    done = true;
    state.tendProblem = '';
  } catch (error) {
    if (error.status === 401) signedOut(OVER);
    else if (state.route === route) state.tendProblem = error.message;
  }
  draw();
  if (state.me && state.route === route) await loadIncident();
  return done;
}

async function writeNote(form) {
  const field = form.elements.text;
  if (await tend((id, csrf) => api.note(id, field.value, csrf))) field.value = '';
}

function loadServer() {
  const keep = (server) => Object.assign(state, { server, failure: '' });
  return ask(() => api.server(state.route.name), keep, (message) => { state.failure = message; });
}

function loadProcesses() {
  const { sort } = state;
  const keep = (processes) => {
    if (sort === state.sort) Object.assign(state, { processes, processFailure: '' });
  };
  return ask(() => api.processes(state.route.name, TOP, sort), keep, (message) => { state.processFailure = message; });
}

// Asks again and again while somebody looks; never twice at once.
function repeat(everyMs, wanted, request) {
  let busy = false;
  setInterval(async () => {
    if (busy || document.hidden || !state.me || state.lostSince || !wanted()) return;
    busy = true;
    await request();
    busy = false;
  }, everyMs);
}

// ---- News

function startListening() {
  stopListening?.();
  stopListening = listen({
    event: news,
    open() {
      state.lostSince = null;
      draw();
    },
    // The stream is cut. Perhaps only the stream: then asking still works, and each
    // new try to open it asks again.
    lost() {
      ask(api.servers, keepServers, cutOff);
    },
    async check() {
      try {
        keepServers(await api.servers());
      } catch (error) {
        if (error.status === 401) signedOut(OVER);
        else cutOff();
        throw error;
      } finally {
        draw();
      }
    },
  });
}

function cutOff() {
  state.lostSince ??= state.heard;
}

function news(name, row) {
  state.heard = hubNow();
  if (name === 'hello') {
    load();
  } else if (name === 'server' && row?.name !== undefined) {
    state.servers?.set(row.name, row);
  } else if (name === 'gone') {
    // Its incidents are gone with it, and their end is told to nobody.
    state.servers?.delete(row);
    if (state.route.view === 'server' && state.route.name === row) loadServer();
    if (state.route.view === 'incidents') loadIncidents();
    if (state.route.view === 'incident') loadIncident();
  } else if (name === 'incident' && row?.id !== undefined) {
    state.incidents?.set(row.id, row);
    if (state.route.view === 'incident' && String(row.id) === state.route.id) loadIncident();
  }
  draw();
}

// ---- Coming and going

async function signIn(form) {
  if (state.loginBusy) return;
  Object.assign(state, { loginBusy: true, loginError: '' });
  draw();
  const { username, password, code } = Object.fromEntries(new FormData(form));
  try {
    await api.login(username, password, code);
    state.loginCode = false;
    await start();
  } catch (error) {
    if (error.needs === 'code') state.loginCode = true;
    state.loginError = error.message;
  }
  state.loginBusy = false;
  draw();
}

async function signOut() {
  try {
    await api.logout(state.me?.csrf);
    signedOut('');
  } catch (error) {
    if (error.status === 401) signedOut('');
    else state.notice = `You are still signed in. ${error.message}`;
  }
  draw();
}

function signedOut(why) {
  editing.forget();
  stopListening?.();
  stopListening = null;
  Object.assign(state, { me: null, asked: true, servers: null, incidents: null, server: null, processes: null, incident: null, groups: null, ruleFiles: null, editor: null, channels: null, tests: {}, heard: null, lostSince: null, failure: '', notice: '', loginError: why, loginCode: false });
}

// Who are we? Then the view that the address names, and the news.
async function start() {
  const me = await api.me();
  Object.assign(state, { me, asked: true, failure: '' });
  startListening();
  go();
}

async function begin() {
  try {
    await start();
  } catch (error) {
    if (error.status === 401) {
      state.asked = true;
    } else {
      state.failure = error.message;
      setTimeout(begin, STATUS_EVERY_MS);
    }
  }
  draw();
}

// ---- Events of the page

// What the editing of rules needs of the page.
const page = { state, draw, signedOut: () => signedOut(OVER) };

const ACTIONS = {
  logout: signOut,
  reload: load,
  acknowledge: () => tend(api.acknowledge),
  'take-back': () => tend(api.takeBack),
  silencing() {
    state.silencing = !state.silencing;
    draw();
  },
  group(button) {
    state.group = state.group === button.dataset.group ? '' : button.dataset.group;
    draw();
  },
  test: testChannel,
  check: () => editing.check(page),
  rehearse: () => editing.rehearse(page),
  remove: () => editing.remove(page),
  reopen: () => editing.reopen(page),
  copy: () => editing.copy(page),
  fault: (button) => editing.goTo(Number(button.dataset.line), Number(button.dataset.column)),
  sort(button) {
    state.sort = button.dataset.sort;
    loadProcesses();
  },
};

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[data-do]');
  if (button) ACTIONS[button.dataset.do]?.(button);
});
document.addEventListener('submit', (event) => {
  event.preventDefault();
  if (event.target.dataset.form === 'login') signIn(event.target);
  if (event.target.dataset.form === 'note') writeNote(event.target);
  if (event.target.dataset.form === 'silence') makeSilence(event.target);
  if (event.target.dataset.form === 'rule') editing.save(page, event.target);
});
document.addEventListener('input', (event) => {
  if (event.target.dataset?.input === 'rule') editing.typed(page, event.target.value);
});
// It does not bubble; what is written scrolls with its numbers.
document.addEventListener('scroll', (event) => {
  if (event.target.dataset?.input === 'rule') event.target.previousElementSibling.scrollTop = event.target.scrollTop;
}, true);
window.addEventListener('beforeunload', (event) => { if (editing.isUnsaved()) event.preventDefault(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) load(); });
window.addEventListener('hashchange', turn);

setInterval(draw, 1_000);
repeat(RULES_EVERY_MS, () => state.route.view === 'rules', loadRules);
repeat(STATUS_EVERY_MS, () => state.route.view === 'server', loadServer);
repeat(PROCESSES_EVERY_MS, () => state.route.view === 'server', loadProcesses);
repeat(STATUS_EVERY_MS, () => state.route.view === 'incident' && !settled(), loadIncident);

// Whether nothing of the incident on the screen can still change.
function settled() {
  const { incident } = state;
  return Boolean(incident) && !isOpen(familyOf(incident)) && (incident.notifications ?? []).every((one) => one.state !== 'pending');
}

begin();
