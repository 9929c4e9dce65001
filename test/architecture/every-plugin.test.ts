import { afterEach, describe, expect, it } from 'vitest';
import type { Fragments } from '../../core/net/inputs.ts';
import type { Plugin } from '../../core/plugin/contract.ts';
import { plugins } from '../../plugins/index.ts';
import { createTestApp, type TestApp } from '../support/app.ts';

const CORE_PAGES = [
  '/devices',
  '/devices/new',
  '/account',
  '/admin',
  '/admin/users',
  '/admin/devices',
  '/admin/settings/client',
  '/admin/diagnostics',
  '/admin/audit',
  '/admin/plugins',
];

/** A plugin that does what a test wants of it. */
function plugin(id: string, setup: Plugin['setup']): Plugin {
  return { manifest: { id, title: id, summary: '' }, setup };
}

describe('plugins', () => {
  const boxes: TestApp[] = [];
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box[Symbol.asyncDispose]();
  });
  const boot = async (list: readonly Plugin[]) => {
    const box = await createTestApp({ plugins: list });
    boxes.push(box);
    return box;
  };
  const kinds = ({ app }: TestApp) => app.host.statuses().map(({ state }) => state.kind);
  const expectPagesToWork = async (box: TestApp) => {
    const admin = await box.signedIn();
    for (const path of CORE_PAGES) expect((await admin.get(path)).status, path).toBe(200);
  };

  it('are not needed: the box signs its owner in and keeps devices without any', async () => {
    const box = await boot([]);
    await expectPagesToWork(box);
    expect((await (await box.signedIn()).post('/devices', { name: 'Laptop' })).status).toBe(201);
  });

  it.each(plugins.map((one) => [one.manifest.id, one] as const))('%s boots alone', async (_, one) => {
    const box = await boot([one]);
    expect(kinds(box)).toEqual(['running']);
    await expectPagesToWork(box);
  });

  it('boot in the opposite order', async () => {
    const box = await boot(plugins.toReversed());
    expect(new Set(kinds(box))).toEqual(new Set(['running']));
    await expectPagesToWork(box);
  });

  it.each(plugins.map((one) => [one.manifest.id, one] as const))(
    '%s leaves no route when it is switched off, and has them again when it is on',
    async (id, one) => {
      const box = await boot(plugins);
      const admin = await box.signedIn();
      const parts = await one.setup({ ...(box.app as never as Parameters<Plugin['setup']>[0]), all: () => [] });
      const paths = (parts.pages?.() ?? []).filter(({ method, path }) => method === 'GET' && !path.includes(':')).map(({ path }) => path);
      await admin.post(`/admin/plugins/${id}/disable`);
      for (const path of paths) expect((await admin.get(path)).status, path).toBe(404);
      await expectPagesToWork(box);
      await admin.post(`/admin/plugins/${id}/enable`);
      for (const path of paths) expect((await admin.get(path)).status, path).not.toBe(404);
      expect(new Set(kinds(box))).toEqual(new Set(['running']));
    },
  );

  const broken: readonly (readonly [string, Plugin, string])[] = [
    [
      'a setup that throws',
      plugin('broken', () => {
        throw new Error('no such luck');
      }),
      'no such luck',
    ],
    ['a setup that rejects', plugin('broken', async () => Promise.reject(new Error('later'))), 'later'],
    [
      'a route without a permission',
      plugin('broken', () => ({ pages: () => [{ method: 'GET', path: '/broken', handle: () => ({ kind: 'empty', status: 204 }) } as never] })),
      'names no permission',
    ],
  ];
  it.each(broken)('%s is shown with its reason, and the rest runs', async (_, bad, why) => {
    const box = await boot([bad, ...plugins]);
    expect(kinds(box)).toEqual(['failed', ...plugins.map(() => 'running')]);
    await expectPagesToWork(box);
    expect((await (await box.signedIn()).get('/admin/plugins')).text).toContain(why);
    expect((await box.browser().get('/broken')).status).toBe(404);
  });

  it('that never finish setting up are given up after their deadline', async () => {
    const booting = createTestAppAndAdvance(plugin('slow', () => new Promise<never>(() => {})));
    const box = await booting;
    boxes.push(box);
    expect(kinds(box)).toEqual(['failed', ...plugins.map(() => 'running')]);
  });

  it('have jobs whose failure is reported and stops nothing', async () => {
    let runs = 0;
    const box = await boot([
      plugin('worker', () => ({
        jobs: [
          {
            id: 'fail',
            everyMs: 1_000,
            deadlineMs: 500,
            run: async () => {
              runs += 1;
              throw new Error('job broke');
            },
          },
        ],
      })),
      ...plugins,
    ]);
    for (let turn = 0; turn < 3; turn += 1) {
      box.clock.advance(1_001);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(runs).toBe(3);
    const health = await box.browser().get('/api/health');
    expect([health.status, JSON.parse(health.text).jobs_failing]).toEqual([200, ['worker:fail']]);
    await expectPagesToWork(box);
  });

  it('never fail open: rules that cannot be computed stay as they were, until an admin switches the plugin off', async () => {
    const strict: Fragments = new Map([['global', [{ verdict: 'drop' }]]]);
    let isBroken = false;
    const guard = plugin('guard', () => ({
      network: async () => {
        if (isBroken) throw new Error('broken');
        return strict;
      },
    }));
    const box = await boot([guard]);
    expect(await box.app.host.fragments()).toEqual(strict);
    isBroken = true;
    expect(await box.app.host.fragments()).toEqual(strict);
    await box.app.host.stopAll();
    await box.app.host.startAll(true);
    expect(kinds(box)).toEqual(['safe-mode']);
    expect(await box.app.host.fragments()).toEqual(strict);
    await box.app.host.disable('guard');
    expect(await box.app.host.fragments()).toEqual(new Map());
    await box.app.host.enable('guard');
    expect(await box.app.host.fragments()).toEqual(new Map());
  });

  it('are left out after three starts that did not become healthy, and come back when an admin says so', async () => {
    const box = await boot(plugins);
    for (let start = 0; start < 3; start += 1)
      box.app.db.writer.exec(`INSERT INTO service_starts (id, started_at) VALUES ('s${start}', ${4_000_000_000_000 + start})`);
    await box.app.start();
    expect(new Set(kinds(box))).toEqual(new Set(['safe-mode']));
    await expectPagesToWork(box);
    await (await box.signedIn()).post('/admin/plugins/safe-mode/leave');
    expect(new Set(kinds(box))).toEqual(new Set(['running']));
  });
});

/** Boots while time passes, so that deadlines come. */
async function createTestAppAndAdvance(slow: Plugin): Promise<TestApp> {
  const clocks: { advance(ms: number): void }[] = [];
  const watched = {
    ...slow,
    setup: (host: Parameters<Plugin['setup']>[0]) => {
      clocks.push(host.clock as never);
      return slow.setup(host);
    },
  };
  const booting = createTestApp({ plugins: [watched, ...plugins] });
  while (clocks.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  clocks[0]?.advance(10_001);
  return booting;
}
