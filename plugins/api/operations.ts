import { z } from 'zod';
import type { Operation } from '#core';
import { type ApiToken, newToken, type Tokens } from './tokens.ts';

const moment = z.iso.datetime();
const tokenAnswer = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  expiresAt: moment,
  lastUsedAt: moment.nullable(),
  createdAt: moment,
  updatedAt: moment,
});

/** One's own tokens, and for administrators everybody's. */
export function tokenOperations(tokens: Tokens): readonly Operation[] {
  const shared = { tag: 'Account', permission: 'account.own' } as const;
  const anybodys = { tag: 'Users', permission: 'users.manage' } as const;
  return [
    {
      ...shared,
      id: 'list-tokens',
      method: 'GET',
      path: '/account/tokens',
      summary: 'List one’s own API tokens',
      answer: tokenAnswer,
      isList: true,
      async handle({ actor }) {
        const all = await tokens.list(actor);
        return { body: all.map(show), total: all.length, next: null };
      },
    },
    {
      ...shared,
      id: 'create-token',
      method: 'POST',
      path: '/account/tokens',
      summary: 'Make an API token; it is answered once',
      body: newToken,
      answer: tokenAnswer.extend({ token: z.string() }),
      answersSecret: true,
      status: 201,
      async handle({ actor, body }) {
        const { row, token } = await tokens.create(actor, body);
        return { body: { ...show(row), token } };
      },
    },
    {
      ...shared,
      id: 'revoke-token',
      method: 'DELETE',
      path: '/account/tokens/:id',
      summary: 'Revoke an API token',
      status: 204,
      handle: ({ actor, params }) => tokens.revoke(actor, params['id'] ?? '').then(() => ({})),
    },
    {
      ...anybodys,
      id: 'list-user-tokens',
      method: 'GET',
      path: '/users/:id/tokens',
      summary: 'List a user’s API tokens',
      answer: tokenAnswer,
      isList: true,
      async handle({ actor, params }) {
        const all = await tokens.of(actor, params['id'] ?? '');
        return { body: all.map(show), total: all.length, next: null };
      },
    },
    {
      ...anybodys,
      id: 'revoke-user-token',
      method: 'DELETE',
      path: '/users/:id/tokens/:token',
      summary: 'Revoke an API token of a user’s',
      status: 204,
      handle: ({ actor, params }) => tokens.revokeOf(actor, params['id'] ?? '', params['token'] ?? '').then(() => ({})),
    },
  ];
}

function show({ hash: _hash, userId: _owner, ...token }: ApiToken): object {
  return token;
}
