import { z } from 'zod';

/** What browsers answer, before anything of it is believed. */
const bytes = z.string().max(65_536);
const credentialId = z.string().min(1).max(1_400);
const answer = { id: credentialId, rawId: credentialId, type: z.literal('public-key'), clientExtensionResults: z.object({}).default({}) };

const TRANSPORTS = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];
const transports = z
  .array(z.string())
  .default([])
  .transform((names) => names.filter((name) => TRANSPORTS.includes(name)));

export const registration = z.object({ ...answer, response: z.object({ clientDataJSON: bytes, attestationObject: bytes, transports }) });
export const assertion = z.object({
  ...answer,
  response: z.object({ clientDataJSON: bytes, authenticatorData: bytes, signature: bytes, userHandle: bytes.exactOptional() }),
});

export type Registration = z.infer<typeof registration>;
export type Assertion = z.infer<typeof assertion>;

/** The response in a form's field; null when it is none. */
export function readResponse<T>(schema: z.ZodType<T>, text: string | null): T | null {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data ?? null;
  } catch {
    return null;
  }
}
