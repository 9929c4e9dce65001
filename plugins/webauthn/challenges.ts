import { z } from 'zod';
import { type PageRequest, Unauthenticated } from '#core';
import { CHALLENGE_FOR_MS } from './ceremonies.ts';
import type { Answer } from './credentials.ts';
import { text } from './text.ts';

const held = z.object({ challenge: z.string(), returnTo: z.string().optional() });

/** What a page with a ceremony tells its script: the options, and what to say when the browser refuses. */
export async function issueChallenge(request: PageRequest, kind: string, options: { readonly challenge: string }, returnTo?: string) {
  await request.session.hold(kind, { challenge: options.challenge, returnTo }, CHALLENGE_FOR_MS);
  const problems = { ...text.problems, SecurityError: text.problems.SecurityError(request.origin), unsupported: text.unsupported };
  return { options: JSON.stringify(options), problems: JSON.stringify(problems), withoutScript: text.withoutScript };
}

/** What came back, with the challenge that this browser was given, which is used up. Throws Unauthenticated. */
export async function takeAnswer({ session, form, origin }: PageRequest, kind: string): Promise<Answer & { readonly returnTo?: string | undefined }> {
  const { data } = held.safeParse(await session.take(kind));
  if (data === undefined) throw new Unauthenticated(text.expired);
  return { ...data, origin, response: form.get('response') };
}
