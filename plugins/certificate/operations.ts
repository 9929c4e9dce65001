import { z } from 'zod';
import { NotFound, type Operation } from '#core';
import { type CertificateService, ownCertificate } from './service.ts';
import { text } from './text.ts';

const moment = z.iso.datetime();
const certificateAnswer = z.strictObject({
  names: z.array(z.string()),
  issuer: z.string(),
  from: moment,
  until: moment,
  fingerprint: z.string(),
  trust: z.enum(['own', 'private', 'public']),
});

export function certificateOperations(service: CertificateService): readonly Operation[] {
  const shared = { tag: 'Certificate', permission: 'settings.manage', answer: certificateAnswer } as const;
  function facts() {
    const found = service.facts();
    if (found === null) throw new NotFound(text.notServing);
    return { body: found };
  }

  return [
    { ...shared, id: 'get-certificate', method: 'GET', path: '/certificate', summary: text.operations.get, handle: async () => facts() },
    {
      ...shared,
      id: 'install-certificate',
      method: 'PUT',
      path: '/certificate',
      summary: text.operations.install,
      body: ownCertificate,
      handle: ({ actor, body }) => service.install(actor, body).then(facts),
    },
    {
      ...shared,
      id: 'make-certificate',
      method: 'DELETE',
      path: '/certificate',
      summary: text.operations.makeOwn,
      handle: ({ actor }) => service.makeOwn(actor).then(facts),
    },
    {
      ...shared,
      id: 'order-certificate',
      method: 'POST',
      path: '/certificate/order',
      summary: text.operations.order,
      handle: ({ actor }) => service.order(actor).then(facts),
    },
  ];
}
