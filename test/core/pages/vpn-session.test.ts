import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../../core/accounts/permissions.ts';
import { vpnSessionNotice } from '../../../core/accounts/vpn-session.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const MINUTE = 60_000;

describe('the warning before a VPN session ends', () => {
  let box: TestApp;
  let user: TestBrowser;

  beforeEach(async () => {
    box = await createTestApp();
    const admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
    user = await box.signedIn(USER);
    await user.post('/devices', { name: 'Phone' });
    await box.app.settings.update(systemActor('test', 'job'), box.app.sections.security, { vpnSessionDuration: 8 * 3_600 });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it('stands on every page in the last tenth, but not before', async () => {
    box.clock.advance(7 * 60 * MINUTE);
    expect((await user.get('/devices')).text).not.toContain('Sign in again');
    box.clock.advance(20 * MINUTE);
    for (const path of ['/devices', '/account', '/devices/new', '/search']) {
      const page = (await user.get(path)).text;
      expect(page, path).toContain('Your VPN session ends in');
      expect(page, path).toContain('>40 minutes</strong>');
    }
  });

  it('says when it is over, and a fresh sign-in comes back to the same page', async () => {
    box.clock.advance(9 * 60 * MINUTE);
    expect((await user.get('/devices?q=x')).text).toContain('Your VPN session is over');
    const again = await user.post('/account/sign-in-again', { returnTo: '/devices?q=x' });
    expect(again.location).toBe('/login?return_to=%2Fdevices%3Fq%3Dx');
    expect((await user.get('/devices')).location).toMatch(/^\/login/);
    expect((await user.post('/login', { ...USER, returnTo: '/devices?q=x' })).location).toBe('/devices?q=x');
    expect((await user.get('/devices')).text).not.toContain('Sign in again');
  });

  it('leads to no other site', async () => {
    expect((await user.post('/account/sign-in-again', { returnTo: 'https://evil.example/' })).location).toBe('/login?return_to=%2F');
  });

  it('says nothing to somebody without devices', async () => {
    box.clock.advance(9 * 60 * MINUTE);
    expect((await (await box.signedIn()).get('/account')).text).not.toContain('VPN session is over');
  });

  it.each([
    [10 * 3_600, 9 * 60 - 1, null],
    [10 * 3_600, 9 * 60, 'ends-soon'],
    [24 * 3_600, 23 * 60 - 1, null],
    [24 * 3_600, 23 * 60, 'ends-soon'],
    [24 * 3_600, 24 * 60, 'over'],
    [0, 100 * 24 * 60, null],
  ])('of %d seconds, %d minutes after the sign-in: %s', (duration, minutes, kind) => {
    const lastSignedInAt = new Date('2026-06-01T12:00:00Z');
    const now = new Date(lastSignedInAt.getTime() + minutes * MINUTE);
    expect(vpnSessionNotice({ lastSignedInAt, vpnSessionEndedAt: null }, duration, now)?.kind ?? null).toBe(kind);
  });
});
