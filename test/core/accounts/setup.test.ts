import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../support/app.ts';

const FORM = { email: 'first@example.com', password: 'a long enough one', endpoint: 'vpn.example.com', ipv4Network: '10.9.0.0/24', ipv6Network: '' };

describe('the first run', () => {
  let box: TestApp;
  beforeEach(async () => {
    box = await createTestApp({ env: { WG_ADMIN_EMAIL: '' } });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it('leads every page to the set-up until there is an administrator, and then it is gone', async () => {
    expect((await box.browser().get('/devices')).location).toBe('/setup');
    const browser = box.browser();
    const answer = await browser.post('/setup', { ...FORM, code: box.app.setup.code.toLowerCase() });
    expect([answer.status, answer.location]).toEqual([303, '/devices/new']);
    expect((await browser.get('/devices/new')).status).toBe(200);
    expect((await browser.get('/setup')).status).toBe(404);
    expect(await box.app.settings.read(box.app.sections.network)).toMatchObject({ ipv4Network: '10.9.0.0/24', ipv6Network: null });
  });

  it('refuses a wrong code beside its field and keeps what was filled in', async () => {
    const answer = await box.browser().post('/setup', { ...FORM, code: 'AAAA-BBBB-CCCC' });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('is not the code shown on the console');
    expect(answer.text).toContain('value="first@example.com"');
    expect(answer.text).not.toContain(FORM.password);
  });

  it('has one winner when several are fast', async () => {
    const tries = Array.from({ length: 8 }, (_, index) =>
      box.browser().post('/setup', { ...FORM, email: `owner${index}@example.com`, code: box.app.setup.code }),
    );
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 303)).toHaveLength(1);
  });

  it('lets nobody try codes without end', async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 12; index += 1) statuses.push((await box.browser().post('/setup', { ...FORM, code: `AAAA-AAAA-AA${index}` })).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await box.browser().post('/setup', { ...FORM, code: box.app.setup.code })).status).toBe(429);
  });
});
