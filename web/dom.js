// Elements from data, and the least change that makes the page equal to them.
//
// Data becomes text nodes and attribute values only, never markup: a server may
// call itself anything. Events are handled in one place (app.js) by `data-do`.

const SVG = 'http://www.w3.org/2000/svg';

// An element. An attribute that is null, undefined or false is left out; true is the empty string.
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same for drawings.
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Text that came from outside: its writing direction stays inside.
export function data(text) {
  return h('bdi', null, text);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== '')
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

// Makes the children of `parent` equal to `fresh` and leaves alone what already is,
// so that focus, selection and scrolling survive. Children with `data-key` are
// recognised wherever they stood.
export function show(parent, ...fresh) {
  const wanted = nodes(fresh);
  const keyed = new Map();
  for (const child of parent.children) {
    if (child.dataset?.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let at = parent.firstChild;
  for (const node of wanted) {
    const known = node.dataset?.key === undefined ? at : (keyed.get(node.dataset.key) ?? null);
    keyed.delete(node.dataset?.key);
    if (known && alike(known, node)) {
      if (known === at) at = at.nextSibling;
      else parent.insertBefore(known, at);
      become(known, node);
    } else {
      parent.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;
}

function become(node, fresh) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data;
    return;
  }
  for (const { name } of [...node.attributes]) {
    if (!fresh.hasAttribute(name)) node.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  show(node, ...fresh.childNodes);
}
