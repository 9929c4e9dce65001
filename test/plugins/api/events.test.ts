import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { until } from '../../support/wait.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('the change stream', () => {
  let box: TestApp;
  let admin: TestApi;
  let user: TestApi;

  beforeEach(async () => {
    box = await createTestApp();
    admin = await apiOf(box);
    await admin.call('POST', '/users', USER);
    user = await apiOf(box, USER);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  /** What has come so far, and whether the stream has ended. */
  async function listen({ token }: TestApi) {
    const response = await fetch(`${box.url}/api/v0/events`, { headers: { authorization: `Bearer ${token}` } });
    const heard = { status: response.status, type: response.headers.get('content-type'), text: '', hasEnded: false };
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) heard.text += decoder.decode(chunk, { stream: true });
      heard.hasEnded = true;
    })().catch(() => (heard.hasEnded = true));
    return heard;
  }

  it('tells administrators everything and users what is about themselves', async () => {
    const [all, own] = [await listen(admin), await listen(user)];
    expect([all.status, all.type]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const mine = (await user.call('POST', '/devices', { name: 'Mine' })).body;
    await admin.call('POST', '/devices', { name: 'Theirs' });
    await admin.call('POST', '/rules', { action: 'drop' });
    await until('all of it is told', async () => all.text.includes('event: rules.changed') && own.text.includes('event: device.changed'), 2_000);
    expect(all.text.match(/event: device\.changed/g)).toHaveLength(2);
    expect(own.text.match(/^event: .*$/gm)).toEqual(['event: device.changed']);
    expect(own.text).toContain(`"device_id":"${mine.id}"`);
  });

  it('ends when its listener is disabled or the plugin is switched off, and takes ten of one user', async () => {
    const own = await listen(user);
    const others = await Promise.all(Array.from({ length: 10 }, () => listen(admin)));
    expect(others.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect((await listen(admin)).status).toBe(429);
    const [{ id }] = (await admin.call('GET', '/users?q=user@')).body;
    await admin.call('POST', `/users/${id}/disable`);
    await until('the stream of the disabled user ends', async () => own.hasEnded, 2_000);
    expect((await listen(user)).status).toBe(401);
    await admin.call('POST', '/plugins/api/disable');
    await until('all streams end', async () => others.every(({ hasEnded }) => hasEnded), 2_000);
  });

  it('ends at once when its token is revoked, by whomever, and when that has run out', async () => {
    const [byOwner, byAdmin, brief] = [await apiOf(box, USER), await apiOf(box, USER), await apiOf(box, USER, '1')];
    const streams = [await listen(byOwner), await listen(byAdmin), await listen(brief), await listen(user)];
    const tokens = (await user.call('GET', '/account/tokens')).body as { id: string; prefix: string }[];
    const idOf = ({ token }: TestApi) => tokens.find(({ prefix }) => token.startsWith(prefix))?.id;
    const { id } = (await user.call('GET', '/account')).body;
    await byOwner.call('DELETE', `/account/tokens/${idOf(byOwner)}`);
    await admin.call('DELETE', `/users/${id}/tokens/${idOf(byAdmin)}`);
    await until('those of revoked tokens end', async () => streams[0]?.hasEnded === true && streams[1]?.hasEnded === true, 2_000);
    expect(streams.map(({ hasEnded }) => hasEnded)).toEqual([true, true, false, false]);
    box.clock.advance(86_400_000 - 60_000);
    const late = await listen(brief);
    expect([late.status, (await listen(byOwner)).status]).toEqual([200, 401]);
    box.clock.advance(60_001);
    await until('that of the token that has run out ends', async () => late.hasEnded, 2_000);
  });

  it('ends within a heartbeat when another process has revoked its token', async () => {
    const stream = await listen(user);
    box.app.db.writer.prepare('DELETE FROM api_tokens WHERE user_id = (SELECT id FROM users WHERE email = ?)').run(USER.email);
    box.clock.advance(20_000);
    await until('it ends', async () => stream.hasEnded, 2_000);
  });
});
