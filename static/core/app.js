// Small conveniences; every page works without them.
import './palette.js';
import { showSelection } from './selection.js';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const second = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment as a field for it holds it, which knows of no zone. */
const inField = (date) => date.toISOString().slice(0, 16);

/** A field that the server reads as UTC is filled in as the clock on the wall says. */
function localize(zone) {
  const input = document.getElementById(zone.dataset.zone);
  const moment = new Date(`${input.value}Z`);
  if (input.value) input.value = inField(new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000));
  input.form.addEventListener('formdata', ({ formData }) => {
    if (input.value) formData.set(input.name, inField(new Date(input.value)));
  });
  zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  delete zone.dataset.zone;
}

/** Times in the viewer's own zone, buttons that only work with scripts, inside `part`. */
function enhance(part) {
  for (const time of part.querySelectorAll('time[datetime]')) {
    time.title ||= time.textContent;
    time.textContent = ('exact' in time.dataset ? second : moment).format(new Date(time.dateTime));
  }
  for (const zone of part.querySelectorAll('[data-zone]')) localize(zone);
  showSelection();
  if (navigator.clipboard) for (const button of part.querySelectorAll('[data-copy]')) button.hidden = false;
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-copy]');
  if (!button) return;
  const label = button.querySelector('span') ?? button;
  const before = label.textContent;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  label.textContent = button.dataset.copied;
  setTimeout(() => {
    label.textContent = before;
  }, 2000);
});

/** Says whether the box's clock is right, as far as this one is. */
function compareClocks() {
  const place = document.querySelector('[data-clock]');
  if (!place) return;
  const seconds = Math.round(Math.abs(new Date(place.dataset.clock) - Date.now()) / 1000);
  place.textContent = seconds < 60 ? place.dataset.right : `${place.dataset.wrong} ${Math.round(seconds / 60)} min`;
}

const rateUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
let rates = null;

/** Bytes a second as `12.3 Mbit/s`. */
function formatRate(bytes) {
  let value = bytes * 8;
  let unit = 0;
  for (; value >= 999.5 && unit < rateUnits.length - 1; unit += 1) value /= 1000;
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${rateUnits[unit]}`;
}

/** Fills in what `data-rate` asks for: `total`, or ids of devices. Devices download what the box sends. */
function showRates() {
  if (!rates) return;
  for (const place of document.querySelectorAll('[data-rate]')) {
    const ids = place.dataset.rate.split(' ');
    const parts = ids[0] === 'total' ? [rates.total] : ids.map((id) => rates.devices[id] ?? [0, 0]);
    const shown = { upload: parts.reduce((sum, [rx]) => sum + rx, 0), download: parts.reduce((sum, [, tx]) => sum + tx, 0) };
    for (const value of place.querySelectorAll('[data-direction]')) {
      const bytes = shown[value.dataset.direction];
      value.textContent = bytes === 0 ? (place.dataset.idle ?? formatRate(0)) : formatRate(bytes);
    }
  }
}

/** More than these do not fit into an address: then all of them come. */
const mostRates = 150;

/** The stream with the rates that somebody sees now. */
function streamPath() {
  const ids = new Set([...document.querySelectorAll('[data-rate]')].flatMap(({ dataset }) => dataset.rate.split(' ')));
  if (document.hidden || ids.size === 0) return '/live';
  return `/live?${new URLSearchParams({ rates: ids.size > mostRates ? '' : [...ids].join(' ') })}`;
}

const topics = ['devices', 'users', 'network', 'notifications', 'plugins', 'vpn-session'];
const tell = (topic) => document.body.dispatchEvent(new CustomEvent(`live:${topic}`));
let source = null;
let sourcePath = '';
/** The one that has been open; the next takes over from it only when it is open too, so that nothing is missed between them. */
let opened = null;

/** What the server says has changed becomes an event that parts of the page wait for. */
function listen() {
  const path = streamPath();
  if (path === sourcePath) return;
  if (source !== opened) source.close();
  const stream = new EventSource(path);
  source = stream;
  sourcePath = path;
  for (const topic of topics) stream.addEventListener(topic, () => tell(topic));
  stream.addEventListener('open', () => {
    // Open for the second time: anything may have happened while it was not.
    if (opened === stream) topics.forEach(tell);
    else opened?.close();
    opened = stream;
  });
  stream.addEventListener('rates', ({ data }) => {
    rates = JSON.parse(data);
    showRates();
  });
}

function stopListening() {
  source.close();
  opened?.close();
  sourcePath = '';
}

let countingDown;

/** Counts down to moments, or by seconds, which need no right clock; where something is decided then, asks for the page anew. */
function countDown() {
  clearTimeout(countingDown);
  const places = document.querySelectorAll('[data-countdown], [data-seconds]');
  if (places.length === 0) return;
  for (const place of places) {
    const { countdown, seconds: given } = place.dataset;
    place.endsAt ??= performance.now() + given * 1000;
    const leftMs = given === undefined ? new Date(countdown) - Date.now() : place.endsAt - performance.now();
    const seconds = Math.max(Math.ceil(leftMs / 1000), 0);
    place.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
    if (leftMs < -1000 && 'reload' in place.dataset) return location.reload();
  }
  countingDown = setTimeout(countDown, 500);
}

countDown();
compareClocks();
document.addEventListener('htmx:after:swap', () => {
  enhance(document);
  showRates();
  countDown();
  if (source) listen();
});
document.addEventListener('wiregui:replaced', () => enhance(document));
enhance(document);
if ('live' in document.body.dataset) {
  listen();
  document.addEventListener('visibilitychange', listen);
  addEventListener('pagehide', stopListening);
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return;
    listen();
    topics.forEach(tell);
  });
}
