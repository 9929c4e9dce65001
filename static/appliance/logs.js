// Follows the journal: the box sends each new line (server-sent events), and the newest stands first.
const MOST_LINES = 500;
const second = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const log = document.querySelector('#log');
const list = log.querySelector('ol');
const address = new URL(log.dataset.stream, location.href);
address.searchParams.set('after', log.dataset.after);
let source = null;

function add({ at, unit, message, isBad }) {
  const time = document.createElement('time');
  time.dateTime = at;
  time.title = at;
  time.textContent = second.format(new Date(at));
  const item = document.createElement('li');
  item.className = `mono breakable mb-1${isBad ? ' text-danger' : ''}`;
  item.append(time, ` ${unit}: ${message}`);
  list.prepend(item);
  while (list.children.length > MOST_LINES) list.lastElementChild.remove();
  log.querySelector('[data-empty]')?.remove();
}

/** Nobody looks at a hidden page: what is written meanwhile comes when it is seen again. */
function listen() {
  source?.close();
  if (document.hidden) return;
  source = new EventSource(address);
  source.addEventListener('line', ({ data, lastEventId }) => {
    address.searchParams.set('after', lastEventId);
    add(JSON.parse(data));
  });
  source.addEventListener('error', () => {
    log.querySelector('[data-stopped]').hidden = source.readyState !== EventSource.CLOSED;
  });
}

listen();
document.addEventListener('visibilitychange', listen);
addEventListener('pagehide', () => source?.close());
