import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../../core/devices/describe.ts';
import { STATUS_FILTERS } from '../../../core/devices/status-filter.ts';
import { devicesByIds, findDevices } from '../../../core/devices/store.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const moment = fc.option(fc.constantFrom(-7_200_000, -3_600_000, -60_000, 0, 60_000).map((ms) => NOW.getTime() + ms));
const row = fc.record({ userDisabledAt: moment, endedAt: moment, signedInAt: moment, disabledAt: moment, expiresAt: moment, handshake: moment });

describe('the status of devices, as the database filters it', () => {
  let box: TestApp;
  beforeAll(async () => {
    box = await createTestApp();
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('is the one that is shown, for any device at any moment', async () => {
    const { writer } = box.app.db;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), fc.constantFrom(0, 1_800, 3_600), async (rows, duration) => {
        writer.exec("DELETE FROM users WHERE id LIKE 'u%' AND length(id) < 6");
        rows.forEach((one, index) => {
          writer
            .prepare(
              "INSERT INTO users (id, email, role, disabled_at, vpn_session_ended_at, last_signed_in_at, created_at, updated_at) VALUES (?, ?, 'unprivileged', ?, ?, ?, 0, 0)",
            )
            .run(`u${index}`, `u${index}@example.com`, one.userDisabledAt, one.endedAt, one.signedInAt);
          writer
            .prepare(
              "INSERT INTO devices (id, user_id, name, public_key, preshared_key, disabled_at, expires_at, latest_handshake, created_at, updated_at) VALUES (?, ?, 'x', ?, '', ?, ?, ?, 0, 0)",
            )
            .run(`d${index}`, `u${index}`, `k${index}`, one.disabledAt, one.expiresAt, one.handshake);
        });
        const all = (
          await devicesByIds(
            box.app.db,
            rows.map((_, index) => `d${index}`),
          )
        ).map((device) => ({ id: device.id, status: statusOf(device, duration, NOW) }));
        for (const kind of STATUS_FILTERS) {
          const expected = all.filter(({ status }) => (kind === 'online' ? status.isOnline : status.kind === kind)).map(({ id }) => id);
          const { items, total } = await findDevices(box.app.db, { limit: 50, status: { kind, vpnSessionDuration: duration, now: NOW } });
          expect(items.map(({ id }) => id).sort(), kind).toEqual(expected.sort());
          expect(total, kind).toBe(expected.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
