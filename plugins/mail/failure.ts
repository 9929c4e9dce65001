import type { NodemailerError } from 'nodemailer';
import { type Mail, Unavailable } from '#core';
import type { Server } from './deliver.ts';
import { oneLine } from './one-line.ts';
import { text } from './text.ts';

/** The mail server, or the way there, did not take a mail; the message says what exactly it said. */
export class NotDelivered extends Unavailable {
  /** It is this recipient that was refused; mail to others may get through. */
  readonly concernsRecipient: boolean;

  constructor(error: NodemailerError, server: Server, mail: Mail) {
    super(explain(error, server, mail), { cause: error });
    this.concernsRecipient = error.command === 'RCPT TO';
  }
}

const { failures, certificateProblems } = text;

/** What OpenSSL and Node find amiss with certificates (nodejs.org/api/tls.html#x509-certificate-error-codes). */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: certificateProblems.selfSigned,
  SELF_SIGNED_CERT_IN_CHAIN: certificateProblems.unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: certificateProblems.unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificateProblems.unknownIssuer,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificateProblems.unknownIssuer,
  CERT_HAS_EXPIRED: certificateProblems.expired,
  CERT_NOT_YET_VALID: certificateProblems.notYetValid,
  ERR_TLS_CERT_ALTNAME_INVALID: certificateProblems.otherName,
};

function explain(error: NodemailerError, { host, port, from }: Server, { to }: Mail): string {
  const server = `${host}:${port}`;
  const said = `“${oneLine(error.response ?? error.message, 300)}”`;
  const reason = String(error['originalCode'] ?? error.code);
  const certificate = CERTIFICATE_PROBLEMS[reason];
  if (certificate !== undefined) return failures.untrusted(host, certificate);
  if (error.command === 'RCPT TO') return failures.recipient(host, to, said);
  if (error.command === 'MAIL FROM') return failures.sender(host, from.address, said);
  const byCode: Readonly<Record<string, string>> = {
    ECONNREFUSED: failures.refused(server),
    EHOSTUNREACH: failures.unreachable(server, reason),
    ENETUNREACH: failures.unreachable(server, reason),
    ENOTFOUND: failures.unknownHost(host),
    EDNS: failures.unknownHost(host),
    ETIMEDOUT: failures.timeout(server),
    EABORT: failures.timeout(server),
    ERR_SSL_WRONG_VERSION_NUMBER: failures.notTls(server),
    ETLS: failures.noStarttls(server, said),
    EPROTOCOL: failures.notMail(server, said),
    EAUTH: failures.credentials(host, said),
    EENVELOPE: failures.message(host, said),
    EMESSAGE: failures.message(host, said),
    ECONNECTION: failures.closed(server),
    ECONNRESET: failures.closed(server),
  };
  return byCode[reason] ?? failures.other(server, said);
}
