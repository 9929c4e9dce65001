import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from './certificates.ts';

/** An ACME authority (RFC 8555) for which every name is this machine. */
export interface Pebble extends AsyncDisposable {
  readonly directory: string;
  /** PEM: who signed the certificate of its own server. */
  readonly authority: Authority;
}

/** It looks for challenges on `httpPort`, and dislikes a third of all nonces. */
export async function startPebble(httpPort: number): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-pebble-'));
  const authority = await createAuthority();
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const [dnsPort, managementPort, otherPort] = [port + 1, port + 2, port + 3];
  const own = await authority.issue('localhost', new Date('2020-01-01'), new Date('2039-01-01'));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const config = file(
    'config.json',
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: file('cert.pem', own.certificate),
        privateKey: file('key.pem', own.key),
        httpPort,
        tlsPort: otherPort,
        ocspResponderURL: '',
      },
    }),
  );
  const names = spawn('pebble-challtestsrv', [
    '-dns01',
    `127.0.0.1:${dnsPort}`,
    '-http01',
    '',
    '-https01',
    '',
    '-tlsalpn01',
    '',
    '-management',
    '',
    '-defaultIPv6',
    '',
  ]);
  const server = spawn('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${dnsPort}`], {
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '33' },
  });
  await says(server, 'ACME directory available');
  return {
    directory: `https://localhost:${port}/dir`,
    authority,
    async [Symbol.asyncDispose]() {
      for (const child of [server, names]) {
        const isGone = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        await isGone;
      }
      rmSync(folder, { recursive: true });
    },
  };
}

function says(child: ChildProcess, text: string): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk;
      if (output.includes(text)) resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
}
