// Small conveniences; every page works without them.
import './palette.js';
import { showSelection } from './selection.js';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Times in the viewer's own zone, buttons that only work with scripts, inside `part`. */
function enhance(part) {
  for (const time of part.querySelectorAll('time[datetime]')) {
    time.title = time.textContent;
    time.textContent = moment.format(new Date(time.dateTime));
  }
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

/** What the server says has changed becomes an event that parts of the page wait for. */
function listen() {
  const source = new EventSource('/live');
  for (const topic of ['devices', 'users', 'network', 'notifications', 'plugins']) {
    source.addEventListener(topic, () => document.body.dispatchEvent(new CustomEvent(`live:${topic}`)));
  }
  addEventListener('pagehide', () => source.close());
}

/** Counts down to moments; where something is decided then, asks for the page anew. */
function countDown() {
  const places = document.querySelectorAll('[data-countdown]');
  if (places.length === 0) return;
  for (const place of places) {
    const leftMs = new Date(place.dataset.countdown) - Date.now();
    const seconds = Math.max(Math.ceil(leftMs / 1000), 0);
    place.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
    if (leftMs < -1000 && 'reload' in place.dataset) return location.reload();
  }
  setTimeout(countDown, 500);
}

countDown();
compareClocks();
document.addEventListener('htmx:after:swap', () => enhance(document));
document.addEventListener('wiregui:replaced', () => enhance(document));
enhance(document);
if ('live' in document.body.dataset) listen();
