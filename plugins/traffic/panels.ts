import type { Host, OwnedDevice, PageRequest, Panel, User } from '#core';
import { RANGE_NAMES, RANGES, type Range } from './buckets.ts';
import type { History, Question, ReadHistory } from './history.ts';
import { type Bucket, deviceIdsOf, topTalkers } from './store.ts';
import { text } from './text.ts';

interface PanelParts extends Pick<Host, 'db' | 'clock'> {
  readonly history: ReadHistory;
}

const TALKERS = 5;

/** The graph of a device, of a user, or of the box, with a table of the same; the range stands in the address. */
export function trafficPanels({ db, clock, history }: PanelParts) {
  async function graph({ actor, query, url }: PageRequest, about: Omit<Question, 'range'>, rateOf: string): Promise<object> {
    const range = rangeIn(query);
    const path = url.replace(/\?.*/, '');
    const shown = await history(actor, { ...about, range });
    return {
      text,
      rateOf,
      shown,
      path: `${path}?range=${range}`,
      ranges: RANGE_NAMES.map((name) => ({
        label: text.ranges[name],
        href: `${path}?range=${name}#traffic`,
        url: `${path}?range=${name}`,
        isCurrent: name === range,
      })),
      label: text.graph(text.ranges[range]),
      points: JSON.stringify(pointsOf(shown, clock.now())),
      rows: rowsOf(shown),
    };
  }

  const device: Panel<OwnedDevice> = { template: 'traffic/_graph', model: (request, { id }) => graph(request, { device: id }, id) };
  const user: Panel<User> = {
    template: 'traffic/_graph',
    model: async (request, { id }) => graph(request, { user: id }, (await deviceIdsOf(db, id)).join(' ') || 'none'),
  };
  const box: Panel<null> = { template: 'traffic/_box', model: (request) => graph(request, {}, 'total') };
  const talkers: Panel<null> = {
    template: 'traffic/_talkers',
    async model() {
      const now = clock.now();
      const found = await db.remembered(`top talkers ${Math.floor(now.getTime() / 60_000)}`, () => topTalkers(db, now, TALKERS));
      const most = Math.max(1, ...found.map(({ rxBytes, txBytes }) => rxBytes + txBytes));
      return { text, talkers: found.map((talker) => ({ ...talker, bytes: talker.rxBytes + talker.txBytes, share: (talker.rxBytes + talker.txBytes) / most })) };
    },
  };
  return { device, user, box, talkers };
}

function rangeIn(query: URLSearchParams): Range {
  return RANGE_NAMES.find((name) => name === query.get('range')) ?? 'day';
}

/** For the graph: seconds since 1970, and bytes a second to and from devices. The bucket under way is as long as it has lasted. */
function pointsOf({ buckets, bucketSeconds }: History, now: Date): readonly (readonly number[])[] {
  const lasted = ({ startsAt }: Bucket) => Math.min(bucketSeconds, Math.max(60, (now.getTime() - startsAt.getTime()) / 1_000));
  return [
    buckets.map(({ startsAt }) => startsAt.getTime() / 1_000),
    buckets.map((bucket) => Math.round(bucket.txBytes / lasted(bucket))),
    buckets.map((bucket) => Math.round(bucket.rxBytes / lasted(bucket))),
  ];
}

interface Row extends Omit<Bucket, 'startsAt'> {
  /** A moment, or a UTC day or month in words. */
  readonly at: Date | null;
  readonly label: string;
}

/** For the table: fewer rows than the graph has points, the newest first, without those in which nothing was moved. */
function rowsOf({ buckets, range }: History): readonly Row[] {
  const { row } = RANGES[range];
  const keyOf = ({ startsAt }: Bucket) => (row === 'month' ? startsAt.toISOString().slice(0, 7) : Math.floor(startsAt.getTime() / row / 1_000) * row);
  const rows = new Map<string | number, Row>();
  for (const bucket of buckets) {
    const key = keyOf(bucket);
    const isMoment = typeof key === 'number' && range !== 'month';
    const label = typeof key === 'string' ? key : new Date(key * 1_000).toISOString().slice(0, 10);
    const before = rows.get(key) ?? { at: isMoment ? new Date(key * 1_000) : null, label, rxBytes: 0, txBytes: 0 };
    rows.set(key, { ...before, rxBytes: before.rxBytes + bucket.rxBytes, txBytes: before.txBytes + bucket.txBytes });
  }
  return [...rows.values()].filter(({ rxBytes, txBytes }) => rxBytes + txBytes > 0).reverse();
}
