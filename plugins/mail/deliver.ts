import type { NodemailerError } from 'nodemailer';
import type { Mail } from '#core';
import { NotDelivered } from './failure.ts';
import type { MailSettings } from './section.ts';

/** A mail server as the settings describe it, complete. */
export interface Server extends Pick<MailSettings, 'port' | 'security' | 'user' | 'ca'> {
  readonly host: string;
  readonly from: { readonly name: string; readonly address: string };
  readonly password: string | null;
}

const STEP_MS = 10_000;
const WHOLE_MS = 30_000;

/** Gives one mail to the server, over a connection of its own. Throws NotDelivered, after 30 s at the latest. */
export async function deliver(server: Server, { to, subject, text }: Mail): Promise<void> {
  const { host, port, security, user, password, ca, from } = server;
  // Rarely used, and a megabyte.
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    // No downgrade: without STARTTLS the connection ends before anything is said.
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(ca === null ? {} : { tls: { ca } }),
    // A server that wants no password is told it all the same, and says so, rather than taking mail from nobody.
    ...(user === null ? {} : { auth: { user, pass: password ?? '' }, forceAuth: true }),
    connectionTimeout: STEP_MS,
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    dnsTimeout: STEP_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    // As an object the address is one address, whatever stands in it.
    const message = { from: { ...from }, to: { name: '', address: to }, subject, text };
    await transport.sendMail({ ...message, headers: { 'Auto-Submitted': 'auto-generated' }, signal: AbortSignal.timeout(WHOLE_MS) });
  } catch (error) {
    throw new NotDelivered(error as NodemailerError, server, { to, subject, text });
  }
}
