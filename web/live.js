// The hub's event stream, and the doubt about it: a stream may be open and dead,
// so after some quiet the page asks, and says so when nobody answers.

const QUIET_MS = 6_000;
const RETRY_MS = 3_000;

// Starts listening. `on` has: event(name, data); open(); lost() when the stream is cut;
// check() -> Promise that fails when the hub does not answer. The event `hello` means:
// load everything anew; `gone` has the name of a server that was removed. Returns a
// function that ends it.
export function listen(on) {
  let source = null;
  let retry = null;
  let heard = Date.now();
  let ended = false;

  function receive(name) {
    source.addEventListener(name, (message) => {
      heard = Date.now();
      const data = name === 'gone' ? message.data : parse(message.data);
      if (data !== null || name === 'hello') on.event(name, data);
    });
  }

  function connect() {
    retry = null;
    source = new EventSource('api/events');
    source.onopen = () => {
      heard = Date.now();
      on.open();
    };
    source.onerror = () => {
      on.lost();
      again();
    };
    ['hello', 'server', 'gone', 'incident'].forEach(receive);
  }

  function again() {
    source.close();
    if (!ended && retry === null) retry = setTimeout(connect, RETRY_MS + Math.random() * 1_000);
  }

  const watch = setInterval(() => {
    if (retry !== null || Date.now() - heard < QUIET_MS) return;
    heard = Date.now();
    on.check().catch(again);
  }, 1_000);

  connect();
  return () => {
    ended = true;
    clearInterval(watch);
    clearTimeout(retry);
    source.close();
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
