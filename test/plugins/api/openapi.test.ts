import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationSlot } from '../../../core/plugin/contract.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
}

describe('the OpenAPI document', () => {
  let box: TestApp;
  let document: Document;

  beforeAll(async () => {
    box = await createTestApp();
    document = (await (await fetch(`${box.url}/api/v0/openapi.json`)).json()) as Document;
  });
  afterAll(() => box[Symbol.asyncDispose]());

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

  it('is what the reference page shows, without scripts and to everybody', async () => {
    const page = (await box.browser().get('/api/docs')).text;
    for (const id of described()) expect(page).toContain(`id="${id}"`);
    expect((await (await box.signedIn()).get('/api/docs')).text).toContain('sidebar');
  });
});
