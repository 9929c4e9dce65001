// The command palette: Ctrl-K or the button, a few letters, Enter (ARIA combobox with a listbox). Without scripts the button is a link to a page that finds the same.

const opener = document.querySelector('[data-palette]');
let dialog;
let input;
let list;
let status;
let active = -1;
let asked = null;
let asking = Promise.resolve();
let timer;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function build() {
  const { placeholder } = opener.dataset;
  input = make('input', {
    class: 'form-control palette-input',
    type: 'text',
    role: 'combobox',
    'aria-label': placeholder,
    placeholder,
    'aria-expanded': 'true',
    'aria-controls': 'palette-list',
    'aria-autocomplete': 'list',
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  list = make('div', { id: 'palette-list', class: 'palette-list', role: 'listbox', 'aria-label': placeholder });
  status = make('p', { class: 'palette-status text-secondary', role: 'status' });
  dialog = make('dialog', { class: 'palette', 'aria-label': placeholder }, input, list, status);
  document.body.append(dialog);
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 80);
  });
  input.addEventListener('keydown', onKey);
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}

const options = () => [...list.querySelectorAll('[role=option]')];

function choose(index) {
  const all = options();
  active = all.length === 0 ? -1 : (index + all.length) % all.length;
  for (const [place, option] of all.entries()) option.setAttribute('aria-selected', String(place === active));
  if (active < 0) return input.removeAttribute('aria-activedescendant');
  input.setAttribute('aria-activedescendant', all[active].id);
  all[active].scrollIntoView({ block: 'nearest' });
}

function ask() {
  clearTimeout(timer);
  const q = input.value.trim();
  if (q !== asked) {
    asked = q;
    asking = find(q);
  }
  return asking;
}

async function find(q) {
  const response = await fetch(`/search.json?${new URLSearchParams({ q })}`);
  if (response.status === 401) return location.reload();
  const groups = response.ok ? await response.json() : [];
  if (q === asked) show(groups);
}

function show(groups) {
  let count = 0;
  const option = ({ label, detail, path }) => {
    const element = make('div', { role: 'option', id: `palette-${count}`, class: 'palette-option' }, make('span', { class: 'palette-label' }, label));
    if (detail) element.append(make('span', { class: 'text-secondary palette-detail' }, detail));
    element.dataset.path = path;
    element.addEventListener('click', () => location.assign(path));
    count += 1;
    return element;
  };
  list.replaceChildren(
    ...groups.map(({ title, hits }, index) => {
      const heading = make('div', { class: 'palette-heading', id: `palette-group-${index}` }, title);
      return make('div', { role: 'group', 'aria-labelledby': heading.id }, heading, ...hits.map(option));
    }),
  );
  status.textContent = count === 0 ? opener.dataset.empty : '';
  choose(0);
}

async function onKey(event) {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    choose(active + (event.key === 'ArrowDown' ? 1 : -1));
  }
  if (event.key !== 'Enter') return;
  event.preventDefault();
  await ask();
  const path = options()[active]?.dataset.path;
  if (path) location.assign(path);
}

function open() {
  if (!dialog) build();
  if (dialog.open) return;
  input.value = '';
  asked = null;
  dialog.showModal();
  ask();
}

if (opener) {
  opener.setAttribute('role', 'button');
  opener.setAttribute('aria-haspopup', 'dialog');
  opener.addEventListener('click', (event) => {
    event.preventDefault();
    open();
  });
  opener.addEventListener('keydown', (event) => {
    if (event.key !== ' ') return;
    event.preventDefault();
    open();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
}
