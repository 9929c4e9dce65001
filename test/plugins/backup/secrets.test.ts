import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type TestApi, uploadTo } from '../../support/api.ts';
import { createBrowser } from '../../support/app.ts';
import { downloadBackup, uploadBackup } from '../../support/backup-pages.ts';
import { ADMIN, startService } from '../../support/service.ts';
import { startWebdavServer } from '../../support/sftp-server.ts';
import { until } from '../../support/wait.ts';

const SECRETS = { passphrase: 'the passphrase of archives', password: 'the password of the server', wrong: 'a wrong passphrase given' };

it('no secret of backups is in the log, an audit row, a notification or a run, whether they succeed or fail', async () => {
  await using server = await startWebdavServer('backup', SECRETS.password);
  await using service = await startService({ env: { WG_LOG_LEVEL: 'trace' } });
  const browser = createBrowser(service.url);
  await browser.post('/login', ADMIN);
  const token = /wg_[A-Za-z0-9_-]{43}/.exec((await browser.post('/account/tokens', { name: 'test', days: '1' })).text)?.[0] ?? '';
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) };
    const response = await fetch(`${service.url}/api/v0${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    return { status: response.status, text: await response.text() };
  };
  const states = async () => JSON.parse((await call('GET', '/backup/runs')).text).map(({ state }: { state: string }) => state);

  const place = { place: 'webdav', url: `http://127.0.0.1:${server.port}`, user: 'backup', passphrase: SECRETS.passphrase };
  const seen = [(await call('PATCH', '/configuration/backup', { ...place, password: SECRETS.wrong })).text, (await call('POST', '/backup/test')).text];
  await call('POST', '/backup/runs');
  await until('it has failed', async () => (await states())[0] === 'failed', 20_000);
  seen.push((await call('PATCH', '/configuration/backup', { password: SECRETS.password })).text, (await call('POST', '/backup/test')).text);
  await call('POST', '/backup/runs');
  await until('it is done', async () => (await states())[0] === 'done', 20_000);

  const { bytes } = await downloadBackup(service, browser, SECRETS.passphrase);
  expect((await uploadBackup(service, browser, bytes, SECRETS.wrong)).status).toBe(422);
  const archive = new Blob([bytes]);
  const api = { token } as TestApi;
  expect((await uploadTo(service, api, '/backup/restores', { passphrase: SECRETS.wrong, archive })).status).toBe(422);
  expect((await uploadTo(service, api, '/backup/restores', { passphrase: SECRETS.passphrase, archive })).status).toBe(201);

  for (const path of ['/audit?limit=500', '/notifications', '/backup/runs']) seen.push((await call('GET', path)).text);
  expect(seen.join()).toContain('backup.taken');
  expect(service.output()).toContain('backup failed');
  const key = readFileSync(join(service.dataDirectory, 'secret.key'), 'utf8').trim();
  for (const secret of [...Object.values(SECRETS), key, token]) for (const text of [service.output(), seen.join()]) expect(text).not.toContain(secret);
}, 60_000);
