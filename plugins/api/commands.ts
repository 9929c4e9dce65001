import { type Command, InvalidInput } from '#core';
import { text } from './text.ts';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly expiresAt: Date;
  readonly token?: string;
}

const OPERATIONS: Readonly<Record<string, string>> = { list: 'list-tokens', create: 'create-token', revoke: 'revoke-token' };

/** `wiregui token create alice@example.com name=backup`: prints the token alone, for scripts. */
export const tokenCommand: Command = {
  usage: 'token <verb> <user> [arguments...]',
  summary: 'API tokens of a user: list, create, revoke; fields as name=value',
  async run(operate, [verb = '', user = '', ...rest]) {
    const id = OPERATIONS[verb];
    if (id === undefined) throw new InvalidInput({ verb: [text.noSuchVerb(verb, Object.keys(OPERATIONS))] });
    if (verb === 'revoke') {
      await operate(id, { as: user, params: { id: rest[0] ?? '' } });
      return { answer: null, lines: [text.tokens.revoked(rest[0] ?? '')], exitCode: 0 };
    }
    const answer = (await operate(id, { as: user, fields: rest })) as Token | readonly Token[];
    const lines =
      'token' in answer
        ? [answer.token ?? '']
        : (answer as readonly Token[]).map((token) => [token.id, token.prefix, token.expiresAt.toISOString(), token.name].join('  '));
    return { answer, lines, exitCode: 0 };
  },
};
