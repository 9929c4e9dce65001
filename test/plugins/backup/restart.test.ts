import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createBrowser } from '../../support/app.ts';
import { downloadBackup, uploadBackup } from '../../support/backup-pages.ts';
import { ADMIN, startService } from '../../support/service.ts';
import { until } from '../../support/wait.ts';

const PASSPHRASE = 'twelve or more characters';
/** What of the box's unit can be had without systemd: no new privileges, and of the capabilities only its own. */
const CONFINED = ['setpriv', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+net_admin,+net_bind_service'];
const OTHER = { email: 'other@example.com', password: 'a secret of theirs' };

it('a box that restores another one’s backup is that one, in the same process, with nobody signed in', async () => {
  await using first = await startService();
  await using second = await startService({ env: { WG_ADMIN_EMAIL: OTHER.email, WG_ADMIN_PASSWORD: OTHER.password }, prefix: CONFINED });
  const [there, here] = [createBrowser(first.url), createBrowser(second.url)];
  await there.post('/login', ADMIN);
  await there.post('/devices', { name: 'Theirs' });
  const { bytes } = await downloadBackup(first, there, PASSPHRASE);

  await here.post('/login', OTHER);
  const sessionOfFirst = new Map(there.cookies);
  const { location } = await uploadBackup(second, here, bytes, PASSPHRASE);
  const before = second.output();
  expect((await here.post(location)).text).toContain('The backup is being restored');
  await until('the service has started again', () => second.output().slice(before.length).includes('service started'), 15_000);

  for (const [name, value] of sessionOfFirst) here.cookies.set(name, value);
  expect((await here.get('/devices')).location).toContain('/login');
  expect((await here.post('/login', OTHER)).status).not.toBe(303);
  expect((await here.post('/login', ADMIN)).status).toBe(303);
  expect((await here.get('/devices')).text).toContain('Theirs');
  expect((await here.get('/admin/audit')).text).toContain('backup.restored');
  const keyOf = (service: typeof first) => readFileSync(join(service.dataDirectory, 'secret.key'), 'utf8');
  expect(keyOf(second)).toBe(keyOf(first));
  expect(await second.stop()).toBe(0);
}, 60_000);
