import { type Actor, Unauthenticated } from '#core';
import type { Credential } from './credentials.ts';
import { relyingPartyId } from './relying-party.ts';
import type { Assertion, Registration } from './responses.ts';
import { text } from './text.ts';

/** How long a challenge is good for, in the browser and here. */
export const CHALLENGE_FOR_MS = 5 * 60_000;

/** EdDSA, ES256 and RS256 (WebAuthn Level 3 §5.4): what authenticators have and Node checks without experiments. */
const ALGORITHMS = [-8, -7, -257];

/** Half a megabyte, mostly X.509, that few requests need. It must find this polyfill, which the bundle would evaluate after it. */
async function library() {
  await import('reflect-metadata');
  return import('@simplewebauthn/server');
}

/** What the browser is asked to make a key with; the challenge in it is for one response. */
export async function registrationOptions(origin: string, actor: Actor, present: readonly Credential[]) {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpName: text.product,
    rpID: relyingPartyId(origin),
    userID: Uint8Array.from(Buffer.from(actor.userId ?? '')),
    userName: actor.name,
    userDisplayName: actor.name,
    timeout: CHALLENGE_FOR_MS,
    attestationType: 'none',
    excludeCredentials: present.map(descriptorOf),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** What the browser is asked to sign: with one of these keys, or for a passkey with any that it knows. */
export async function assertionOptions(origin: string, credentials: readonly Credential[] | 'any') {
  const { generateAuthenticationOptions } = await library();
  const wanted =
    credentials === 'any'
      ? ({ userVerification: 'required' } as const)
      : // The password came before: that the person is there is enough.
        ({ userVerification: 'discouraged', allowCredentials: credentials.map(descriptorOf) } as const);
  return generateAuthenticationOptions({ rpID: relyingPartyId(origin), timeout: CHALLENGE_FOR_MS, ...wanted });
}

/** The key that was made for the challenge. Throws Unauthenticated. */
export async function verifyRegistration(origin: string, expectedChallenge: string, response: Registration) {
  const { verifyRegistrationResponse } = await library();
  return accepted(async () => {
    await refuseCertificates(response.response.attestationObject);
    const { registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge,
      expectedOrigin: origin,
      expectedRPID: relyingPartyId(origin),
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    return registrationInfo?.credential;
  });
}

/** How often the key has signed, when the response is right. Throws Unauthenticated. */
export async function verifyAssertion(
  origin: string,
  expectedChallenge: string,
  response: Assertion,
  credential: Credential,
  requireUserVerification: boolean,
) {
  const { verifyAuthenticationResponse } = await library();
  const { counter } = await accepted(async () => {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge,
      expectedOrigin: origin,
      expectedRPID: relyingPartyId(origin),
      requireUserVerification,
      // The counter is compared where it is stored, so that two responses at once do not both pass.
      credential: { id: credential.credentialId, publicKey: Uint8Array.from(Buffer.from(credential.publicKey, 'base64url')), counter: 0 },
    });
    return verified ? { counter: authenticationInfo.newCounter } : undefined;
  });
  return counter;
}

/** None was asked for, and browsers leave out what would need certificates to be read (WebAuthn Level 3 §5.1.3). */
async function refuseCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const attestation = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject));
  const format = attestation.get('fmt');
  const isSelfSigned = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !isSelfSigned) throw new Error(`attestation of format ${format}`);
}

/** The library says with an Error whatever is wrong; nobody is told more than that it was refused. */
async function accepted<T>(verify: () => Promise<T | undefined>): Promise<T> {
  try {
    const answer = await verify();
    if (answer !== undefined) return answer;
  } catch (cause) {
    throw new Unauthenticated(text.refused, { cause });
  }
  throw new Unauthenticated(text.refused);
}

function descriptorOf({ credentialId, transports }: Credential) {
  return { id: credentialId, transports: transports.split(',').filter(Boolean) };
}
