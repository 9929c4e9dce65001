import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { until } from './wait.ts';

export const MAIL_USER = 'box@example.com';
export const MAIL_PASSWORD = 'correct  mail "battery" ü';

/** A real mail server in this process, with a certificate that only `ca` makes trusted. */
export interface MailServer extends AsyncDisposable {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly mails: readonly ReceivedMail[];
  /** How many connections there have been. */
  connections(): number;
  /** Waits for the mail after the first `count`, and answers it. */
  next(count?: number): Promise<ReceivedMail>;
}

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly isEncrypted: boolean;
  readonly user: string | undefined;
  /** As it came, and its text with the transfer encoding taken off. */
  readonly raw: string;
  readonly text: string;
}

interface MailServerOptions {
  /** TLS from the start. */
  readonly secure?: boolean;
  readonly withoutStarttls?: boolean;
}

export async function startMailServer({ secure = false, withoutStarttls = false }: MailServerOptions = {}): Promise<MailServer> {
  const { key, cert } = makeCertificate();
  const mails: ReceivedMail[] = [];
  let connections = 0;
  const refuse = (responseCode: number, why: string) => Object.assign(new Error(why), { responseCode });
  const server = new SMTPServer({
    key,
    cert,
    secure,
    authMethods: ['PLAIN', 'LOGIN'],
    authOptional: false,
    disabledCommands: withoutStarttls ? ['STARTTLS'] : [],
    allowInsecureAuth: withoutStarttls,
    disableReverseLookup: true,
    logger: false,
    onConnect(_session, done) {
      connections += 1;
      done();
    },
    onAuth({ username, password }, { id }, done) {
      if (username === MAIL_USER && password === MAIL_PASSWORD) done(null, { user: username });
      // Many servers say something else each time.
      else done(refuse(535, `5.7.8 Wrong password, try harder${password === 'wrong again' ? ` ${id}` : ''}`));
    },
    onRcptTo({ address }, _session, done) {
      if (address.startsWith('gone')) done(refuse(550, '5.1.1 Nobody of that name lives here'));
      else done();
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          isEncrypted: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
          raw,
          text: decodeText(raw),
        });
        done();
      });
    },
  });
  // A client that does not trust the certificate ends the connection: that is what some tests are about.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    ca: cert,
    mails,
    connections: () => connections,
    async next(count = 0) {
      await until(`mail ${count + 1}`, () => mails.length > count);
      return mails[count] as ReceivedMail;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

/** The settings with which a box sends through it. */
export function settingsFor({ port, ca }: MailServer): Record<string, unknown> {
  return { host: 'localhost', port, security: 'starttls', user: MAIL_USER, password: MAIL_PASSWORD, fromAddress: 'vpn@example.com', ca };
}

function makeCertificate(): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-mail-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile, '-out', certFile, '-days', '2', ...subject],
    {
      stdio: 'ignore',
    },
  );
  const made = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  rmSync(folder, { recursive: true });
  return made;
}

/** RFC 2045: quoted-printable or base64, or as it stands. */
function decodeText(raw: string): string {
  const [, head = '', body = ''] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(raw) ?? [];
  if (/^content-transfer-encoding: base64/im.test(head)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/^content-transfer-encoding: quoted-printable/im.test(head)) return body;
  const bytes = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
