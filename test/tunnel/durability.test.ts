import { describe, expect, it } from 'vitest';
import { createNetwork } from '../support/network.ts';
import { startService } from '../support/service.ts';

const ROUNDS = 6;

describe('a box that loses its power', () => {
  it('has forgotten nothing that it had acknowledged, and its kernel agrees', async () => {
    await using network = await createNetwork();
    await using service = await startService({ network });
    const reset = await service.cli(['admin', 'create-or-reset', 'script@example.com'], 'a password for scripts');
    expect(reset.exitCode).toBe(0);
    const inside = (script: string) => network.server.run([process.execPath, '--input-type=module', '-e', script], { deadlineMs: 20_000 });
    const { stdout: token } = await inside(`
      const form = (path, body, cookie = '') => fetch('${service.url}' + path, { method: 'POST', redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin', cookie }, body: new URLSearchParams(body) });
      const login = await form('/login', { email: 'script@example.com', password: 'a password for scripts' });
      const answer = await form('/account/tokens', { name: 'test', days: '1' }, login.headers.getSetCookie()[0].split(';')[0]);
      process.stdout.write(/wg_[A-Za-z0-9_-]{43}/.exec(await answer.text())[0]);`);
    await service.cli(['settings', 'security', 'max_devices_per_user=1000']);
    const acknowledged = new Set<string>();

    for (let round = 0; round < ROUNDS; round += 1) {
      const creating = inside(`
        const headers = { authorization: 'Bearer ${token}', 'content-type': 'application/json' };
        try {
          for (let index = 0; index < 200; index += 1) {
            const answer = await fetch('${service.url}/api/v0/devices', { method: 'POST', headers, body: JSON.stringify({ name: 'r${round}-' + index }) });
            if (answer.status === 201) process.stdout.write((await answer.json()).public_key + '\\n');
          }
        } catch {}`);
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 900));
      await service.restartHard();
      for (const key of (await creating).stdout.split('\n').filter(Boolean)) acknowledged.add(key);
    }

    const { stdout } = await network.server.run(['wg', 'show', network.interfaceName, 'peers']);
    const peers = new Set(stdout.split('\n').filter(Boolean));
    expect(acknowledged.size).toBeGreaterThan(ROUNDS);
    expect([...acknowledged].filter((key) => !peers.has(key))).toEqual([]);
  }, 90_000);
});
