import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNotifications, type Notifications } from '../../../core/notifications/notifications.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

describe('notifications', () => {
  let box: TestApp;
  let notifications: Notifications;

  beforeAll(async () => {
    box = await createTestApp();
    notifications = createNotifications(box.app.db, box.clock, box.app.events);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('are kept once while unread, and the newest hundred of them', async () => {
    for (const number of [...Array.from({ length: 105 }, (_, index) => index), 104]) {
      box.clock.advance(1_000);
      await notifications.raise('warning', 'disk', `message ${number}`);
    }
    const list = await notifications.list();
    expect([list.length, list[0]?.message, list.at(-1)?.message]).toEqual([100, 'message 104', 'message 5']);
    expect(await notifications.countUnread()).toBe(100);
  });

  it('are cleared one by one and all together', async () => {
    const [first] = await notifications.list();
    await notifications.clear(first?.id ?? '');
    expect(await notifications.countUnread()).toBe(99);
    await notifications.clearAll();
    expect(await notifications.list()).toEqual([]);
  });
});
