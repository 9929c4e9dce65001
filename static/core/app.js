// Small conveniences; every page works without them.
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

/** What the server says has changed becomes an event that parts of the page wait for. */
function listen() {
  const source = new EventSource('/live');
  for (const topic of ['devices', 'users', 'network', 'notifications', 'plugins']) {
    source.addEventListener(topic, () => document.body.dispatchEvent(new CustomEvent(`live:${topic}`)));
  }
  addEventListener('pagehide', () => source.close());
}

/** Counts the seconds down to a moment, and then asks for the page anew. */
function countDown() {
  const place = document.querySelector('[data-countdown]');
  if (!place) return;
  const leftMs = new Date(place.dataset.countdown) - Date.now();
  place.textContent = `${Math.max(Math.ceil(leftMs / 1000), 0)} s`;
  if (leftMs < -1000) location.reload();
  else setTimeout(countDown, 500);
}

countDown();
document.addEventListener('htmx:after:swap', () => enhance(document));
document.addEventListener('wiregui:replaced', () => enhance(document));
enhance(document);
if ('live' in document.body.dataset) listen();
