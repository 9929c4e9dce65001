import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationSlot } from '../../../core/plugin/contract.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { createAppliance } from '../../support/appliance.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string; readonly requestBody?: unknown }>>>>;
}

describe('the OpenAPI document', () => {
  // So that what only an appliance has is described too.
  const appliance = createAppliance();
  let box: TestApp;
  let document: Document;

  beforeAll(async () => {
    box = await createTestApp({ env: appliance.env });
    document = (await (await fetch(`${box.url}/api/v0/openapi.json`)).json()) as Document;
  });
  afterAll(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  const described = () => Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));

  it('satisfies an independent validator', async () => {
    const verdict = await new Validator().validate(structuredClone(document) as never);
    expect(verdict.errors).toBeUndefined();
    expect(verdict.valid).toBe(true);
  });

  it('describes every operation that is served, with what it answers', () => {
    const served = box.app.host.all(operationSlot);
    expect(described().sort()).toEqual(served.map(({ id }) => id).sort());
    for (const { id, answer, status, type } of served) expect(answer !== undefined || status === 204 || type !== undefined, id).toBe(true);
  });

  it('says of a file that comes along in which form, and after which fields', async () => {
    const archive = { contentMediaType: 'application/octet-stream', description: expect.any(String) };
    const passphrase = { type: 'string', maxLength: 1_024 };
    expect(document.paths['/backup/restores']?.['post']?.requestBody).toEqual({
      required: true,
      content: {
        'multipart/form-data': { schema: { type: 'object', additionalProperties: false, properties: { passphrase, archive }, required: ['archive'] } },
      },
    });
    expect(JSON.stringify(document.paths['/system/update']?.['post'])).toContain('multipart/form-data');
    expect(JSON.stringify(document.paths['/system/update']?.['post'])).not.toContain('Idempotency-Key');
    expect((await box.browser().get('/api/docs')).text).toContain('file, in a form (multipart/form-data)');
  });

  it('is what the reference page shows, without scripts and to everybody', async () => {
    const page = (await box.browser().get('/api/docs')).text;
    for (const id of described()) expect(page).toContain(`id="${id}"`);
    expect((await (await box.signedIn()).get('/api/docs')).text).toContain('sidebar');
  });
});
