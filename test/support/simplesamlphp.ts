import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKeyPair } from './saml-idp.ts';
import { until } from './wait.ts';

export const PHP_USER = { name: 'alice', password: 'secret', email: 'alice@example.com', groups: ['vpn', 'Box admins, all'] };

/** SimpleSAMLphp from Debian, unpacked into a folder of its own and served by PHP: a provider that other people wrote. */
export async function startSimpleSamlPhp(port = 20_000 + Math.floor(Math.random() * 20_000)) {
  const folder = mkdtempSync(join(tmpdir(), 'simplesamlphp-'));
  const program = unpack(folder);
  const origin = `http://127.0.0.1:${port}`;
  await configure(folder, origin);
  let output = '';
  const server: ChildProcess = spawn('php', ['-d', 'display_errors=0', '-S', `127.0.0.1:${port}`, '-t', join(program, 'www')], {
    env: { PATH: process.env['PATH'], SIMPLESAMLPHP_CONFIG_DIR: join(folder, 'config') },
  });
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const metadataUrl = `${origin}/saml2/idp/metadata.php`;
  await until(`SimpleSAMLphp to answer: ${output}`, async () => (await fetch(metadataUrl).catch(() => null))?.ok === true, 15_000);

  return {
    origin,
    metadataUrl,
    output: () => output,
    /** Tells it of a service provider, by its metadata. */
    register: (metadata: string) => writeFileSync(join(folder, 'sp.xml'), metadata),
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function unpack(folder: string): string {
  // As root apt drops its rights, and could not write into a folder of ours.
  const apt = (...args: string[]) => execFileSync('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', ...args], { cwd: folder, stdio: 'pipe' });
  try {
    apt('download', 'simplesamlphp');
  } catch {
    apt('update');
    apt('download', 'simplesamlphp');
  }
  const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  execFileSync('dpkg', ['-x', archive, 'program'], { cwd: folder });
  return join(folder, 'program', 'usr', 'share', 'simplesamlphp');
}

async function configure(folder: string, origin: string): Promise<void> {
  const pair = await makeKeyPair();
  const at = (...path: string[]) => join(folder, ...path);
  for (const name of ['config', 'metadata', 'cert', 'temp', 'sessions']) mkdirSync(at(name));
  writeFileSync(at('cert', 'idp.pem'), pair.privateKey);
  writeFileSync(at('cert', 'idp.crt'), pair.certificate);
  writeFileSync(at('sp.xml'), '<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>');
  writeFileSync(
    at('config', 'config.php'),
    `<?php $config = [
      'baseurlpath' => '${origin}/', 'certdir' => '${at('cert')}/', 'tempdir' => '${at('temp')}', 'metadatadir' => '${at('metadata')}',
      'secretsalt' => 'a salt of this test', 'auth.adminpassword' => 'not used here', 'timezone' => 'UTC', 'language.default' => 'en',
      'logging.level' => 4, 'logging.handler' => 'errorlog', 'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
      'session.cookie.secure' => false, 'session.cookie.samesite' => null, 'store.type' => 'phpsession', 'session.phpsession.savepath' => '${at('sessions')}',
      'session.phpsession.cookiename' => 'SimpleSAML', 'metadata.sources' => [['type' => 'flatfile'], ['type' => 'xml', 'file' => '${at('sp.xml')}']],
    ];`,
  );
  writeFileSync(
    at('config', 'authsources.php'),
    `<?php $config = ['people' => ['exampleauth:UserPass',
      '${PHP_USER.name}:${PHP_USER.password}' => ['email' => ['${PHP_USER.email}'], 'groups' => ['${PHP_USER.groups.join("', '")}']]]];`,
  );
  writeFileSync(
    at('metadata', 'saml20-idp-hosted.php'),
    `<?php $metadata['__DYNAMIC:1__'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt', 'auth' => 'people',
      'validate.authnrequest' => true, 'redirect.validate' => true, 'saml20.sign.assertion' => true, 'saml20.sign.response' => true,
      'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'email', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']]];`,
  );
}
