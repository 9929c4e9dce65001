import { field, orShowAgain, type PageRequest, type Panel, type Reply, type Route, readForm, redirect, type User, view } from '#core';
import { text } from './text.ts';
import { newToken, type Tokens } from './tokens.ts';

const ROOT = '/account/tokens';

/** The card on the account page. */
export function tokenPanel(tokens: Tokens): Panel<User> {
  return { template: 'api/_tokens', model: async ({ actor }) => ({ text: text.tokens, tokens: await tokens.list(actor) }) };
}

export function tokenPages(tokens: Tokens): readonly Route[] {
  const form = (state: Parameters<typeof field>[0]): Reply => {
    const fields = [
      field(state, 'name', text.tokens.name, { help: text.tokens.nameHelp, isRequired: true }),
      field(state, 'days', text.tokens.days, { kind: 'number', help: text.tokens.daysHelp, isRequired: true }),
    ];
    return view('api/new-token', { title: text.tokens.create, text: text.tokens, fields });
  };

  return [
    { method: 'GET', path: `${ROOT}/new`, permission: 'account.own', needsFreshProof: true, handle: () => form({ values: { days: 30 }, errors: {} }) },
    {
      method: 'POST',
      path: ROOT,
      permission: 'account.own',
      needsFreshProof: true,
      handle({ actor, form: given }: PageRequest) {
        const input = readForm(newToken, given);
        return orShowAgain(
          async () => {
            const { token, row } = await tokens.create(actor, input);
            return view('api/token', { title: text.tokens.createdTitle, text: text.tokens, token, name: row.name }, 201);
          },
          (errors) => form({ values: input, errors }),
        );
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id/revoke`,
      permission: 'account.own',
      async handle({ actor, params }) {
        const { id, name } = await tokens.get(actor, params['id'] ?? '');
        return view('core/confirm', {
          title: text.tokens.revoke,
          question: text.tokens.revokeAsk(name),
          label: text.tokens.revoke,
          action: `${ROOT}/${id}/revoke`,
          back: '/account',
          makesKey: false,
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/revoke`,
      permission: 'account.own',
      async handle({ actor, params, session }) {
        const { name } = await tokens.revoke(actor, params['id'] ?? '');
        session.flash('success', text.tokens.revoked(name));
        return redirect('/account');
      },
    },
  ];
}
