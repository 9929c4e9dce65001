import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ADMIN, startService } from '../support/service.ts';

describe('the built service', () => {
  it('finds in its bundle what it loads only when it is needed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wiregui-bundle-'));
    const file = join(folder, 'providers.yaml');
    writeFileSync(
      file,
      'oidc:\n  - { id: company, label: Example Ltd, discovery_document_uri: https://id.example.com, client_id: wiregui, client_secret: "of theirs" }\n',
    );
    await using service = await startService({ env: { WG_IDP_CONFIG_FILE: file } });
    const origin = { 'sec-fetch-site': 'same-origin' };
    const login = await fetch(`${service.url}/login`, { method: 'POST', redirect: 'manual', headers: origin, body: new URLSearchParams(ADMIN) });
    const cookie = login.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    expect(await (await fetch(`${service.url}/login`)).text(), 'yaml').toContain('Example Ltd');
    const form = new FormData();
    form.set('logo', new Blob(['<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>']), 'logo.svg');
    const upload = await fetch(`${service.url}/admin/settings/branding/logo`, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...origin, cookie },
      body: form,
    });
    expect(upload.status, '@xmldom/xmldom').toBe(303);
    rmSync(folder, { recursive: true });
  });

  it('makes its certificate', async () => {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    await using service = await startService({ port, env: { WG_HTTPS_PORT: String(port + 1) } });
    expect(service.output()).toContain('service started');
    expect((await fetch(`${service.url}/login`, { redirect: 'manual' })).headers.get('location')).toBe(`https://localhost:${port + 1}/login`);
  });
});
