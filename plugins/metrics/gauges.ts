import { count, desc, eq } from 'drizzle-orm';
import { type BoxState, countDevices, countOnline, devices, type Host, ONLINE_WITHIN_MS, type Poll, users, VERSION, type Vitals } from '#core';
import type { Family } from './exposition.ts';
import { section } from './section.ts';

type Needs = Pick<Host, 'db' | 'clock' | 'settings'>;

const NETWORK_STATES = ['off', 'pending', 'applied', 'failed'];
const MOST_DEVICES = 1_000;

const gauge = (name: string, help: string, value: number | null): Family => ({ name, help, type: 'gauge', samples: value === null ? [] : [[{}, value]] });

/** How things are now. */
export async function gauges({ db, clock, settings }: Needs, box: BoxState, poll: Poll | null, vitals: Vitals): Promise<readonly Family[]> {
  const state = box.network().kind;
  const { eachDevice } = await settings.read(section);
  return [
    { name: 'wiregui_build_info', help: 'The version that runs.', type: 'gauge', samples: [[{ version: VERSION }, 1]] },
    gauge('wiregui_users', 'Users.', await countUsers(db)),
    gauge('wiregui_devices', 'Devices, peers or not.', await countDevices(db)),
    gauge(
      'wiregui_devices_online',
      'Devices with a handshake in the last 3 minutes.',
      await countOnline(db, new Date(clock.now().getTime() - ONLINE_WITHIN_MS)),
    ),
    gauge('wiregui_peers', 'Peers on the interface when it was last read.', poll?.peerCount ?? null),
    gauge('wiregui_latest_handshake_timestamp_seconds', 'When any peer last renewed its keys.', seconds(poll?.latestHandshake)),
    {
      name: 'wiregui_network_state',
      help: 'Whether the kernel is as it should be: 1 for the present state.',
      type: 'gauge',
      samples: NETWORK_STATES.map((name) => [{ state: name }, Number(name === state)]),
    },
    { name: 'wiregui_drift_repaired_total', help: 'Foreign changes that were put back.', type: 'counter', samples: [[{}, box.driftCount()]] },
    {
      name: 'wiregui_plugin_running',
      help: 'Whether each plugin runs.',
      type: 'gauge',
      samples: box.plugins().map(({ id, state: is }) => [{ plugin: id }, Number(is === 'running')]),
    },
    {
      name: 'wiregui_job_last_run_timestamp_seconds',
      help: 'When background work last ended.',
      type: 'gauge',
      samples: box.jobs().flatMap(({ id, lastRunAt }) => (lastRunAt === null ? [] : [[{ job: id }, lastRunAt.getTime() / 1_000] as const])),
    },
    ...(eachDevice ? await deviceFamilies(db) : []),
    ...processFamilies(vitals),
  ];
}

function processFamilies(vitals: Vitals): readonly Family[] {
  const { residentBytes, heapBytes, cpuSeconds, uptimeSeconds, lagSeconds } = vitals.read();
  return [
    gauge('process_resident_memory_bytes', 'Resident memory.', residentBytes),
    gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', heapBytes),
    { name: 'process_cpu_seconds_total', help: 'User and system time.', type: 'counter', samples: [[{}, cpuSeconds]] },
    gauge('wiregui_uptime_seconds', 'Since the service began.', uptimeSeconds),
    {
      name: 'wiregui_event_loop_lag_seconds',
      help: 'How late the event loop was since the last scrape.',
      type: 'gauge',
      samples: Object.entries(lagSeconds).map(([stat, value]) => [{ stat }, value]),
    },
  ];
}

async function deviceFamilies(db: Needs['db']): Promise<readonly Family[]> {
  const { id, name, rxBytes, txBytes, latestHandshake } = devices;
  const rows = await db
    .select({ id, name, email: users.email, rxBytes, txBytes, latestHandshake })
    .from(devices)
    .innerJoin(users, eq(users.id, devices.userId))
    .orderBy(desc(latestHandshake))
    .limit(MOST_DEVICES);
  const labels = (row: (typeof rows)[number]) => ({ device: row.name, id: row.id, user: row.email });
  return [
    {
      name: 'wiregui_device_received_bytes_total',
      help: 'Received from the device since its peer was added.',
      type: 'counter',
      samples: rows.map((row) => [labels(row), row.rxBytes]),
    },
    {
      name: 'wiregui_device_sent_bytes_total',
      help: 'Sent to the device since its peer was added.',
      type: 'counter',
      samples: rows.map((row) => [labels(row), row.txBytes]),
    },
    {
      name: 'wiregui_device_latest_handshake_timestamp_seconds',
      help: 'When the device last renewed its keys.',
      type: 'gauge',
      samples: rows.flatMap((row) => (row.latestHandshake === null ? [] : [[labels(row), row.latestHandshake.getTime() / 1_000] as const])),
    },
  ];
}

async function countUsers(db: Needs['db']): Promise<number> {
  const [row] = await db.select({ total: count() }).from(users);
  return row?.total ?? 0;
}

function seconds(at: Date | null | undefined): number | null {
  return at ? at.getTime() / 1_000 : null;
}
