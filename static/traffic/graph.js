// Draws what stands in `data-points`. The table beside it says the same without scripts.
import uPlot from 'uplot';

const drawn = new WeakMap();
const units = ['', 'k', 'M', 'G', 'T'];
const colors = {
  light: { download: '#2b59c3', area: 'rgba(43, 89, 195, 0.14)', upload: '#d9480f', text: '#56606f', grid: 'rgba(86, 96, 111, 0.16)' },
  dark: { download: '#8fb0ff', area: 'rgba(143, 176, 255, 0.16)', upload: '#ffa94d', text: '#a3b0c2', grid: 'rgba(163, 176, 194, 0.16)' },
};
const formatsIn = (timeZone) => ({
  time: new Intl.DateTimeFormat(undefined, { timeStyle: 'short', timeZone }),
  day: new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone }),
  date: new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone }),
  moment: new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short', timeZone }),
});
const local = formatsIn(undefined);
/** Days begin at 0:00 UTC. */
const utc = formatsIn('UTC');

/** Bytes a second as bits a second, in steps of a thousand. */
function rate(bytes) {
  let value = bytes * 8;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}bit/s`;
}

/** Lines of the grid at round numbers of a unit, in bits. */
function steps(_plot, _axis, _min, max) {
  const rough = (max * 8) / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = ([1, 2, 2.5, 5, 10].find((times) => times * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.floor((max * 8) / step) + 1 }, (_, index) => (index * step) / 8);
}

/** The moment under the pointer, in words. */
function read(place, plot, format) {
  const { idx } = plot.cursor;
  const [at, download, upload] = plot.data.map((values) => values[idx ?? -1]);
  const parts = at === undefined ? [] : [format.format(new Date(at * 1000)), `↓ ${rate(download)}`, `↑ ${rate(upload)}`];
  place.parentElement.querySelector('.traffic-reading').textContent = parts.join('   ');
}

function draw(place) {
  drawn.get(place)?.destroy();
  const { range, download, upload, points } = place.dataset;
  const color = colors[document.documentElement.dataset.bsTheme] ?? colors.light;
  const formats = range === 'year' ? utc : local;
  const isLong = range === 'month' || range === 'year';
  const axis = { stroke: color.text, grid: { stroke: color.grid, width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const line = { width: 1.5, points: { show: false } };
  const options = {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 125) * 1.05] } },
    series: [{}, { ...line, label: download, stroke: color.download, fill: color.area }, { ...line, label: upload, stroke: color.upload, dash: [5, 4] }],
    axes: [
      { ...axis, space: 70, size: 28, values: (_plot, values) => values.map((seconds) => formats[isLong ? 'day' : 'time'].format(new Date(seconds * 1000))) },
      { ...axis, size: 84, splits: steps, values: (_plot, values) => values.map(rate) },
    ],
    hooks: { setCursor: [(plot) => read(place, plot, formats[range === 'year' ? 'date' : 'moment'])] },
  };
  if (range === 'year') options.tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC');
  drawn.set(place, new uPlot(options, JSON.parse(points), place));
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target);
    if (plot && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

function drawAll() {
  for (const place of document.querySelectorAll('.traffic-graph')) {
    if (drawn.has(place)) continue;
    draw(place);
    sizes.observe(place);
  }
}

new MutationObserver(() => document.querySelectorAll('.traffic-graph').forEach(draw)).observe(document.documentElement, { attributeFilter: ['data-bs-theme'] });
document.addEventListener('htmx:after:swap', drawAll);
drawAll();
