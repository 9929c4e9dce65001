import { type Host, orShowAgain, otherErrors, type Route, readForm, redirect, view } from '#core';
import type { Assertions } from './assertions.ts';
import { assertionFields, userNamed } from './form.ts';
import { newAssertion } from './schema.ts';
import { describeAssertion, describeDecider, text } from './text.ts';

interface AssertionPageParts extends Pick<Host, 'db'> {
  readonly assertions: Assertions;
}

const ROOT = '/admin/rules/assertions';
const permission = 'rules.manage';
const NAMES = Object.keys(newAssertion.shape).filter((name) => name !== 'userId');

export function assertionPages({ db, assertions }: AssertionPageParts): readonly Route[] {
  const form = (state: Parameters<typeof assertionFields>[0]) => {
    const fields = assertionFields(state);
    return view('firewall/new-assertion', { title: text.assertions.create, text, fields, problems: otherErrors(state.errors, fields) });
  };

  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle({ actor }) {
        const rows = (await assertions.list(actor)).map(({ assertion, breach }) => ({
          assertion,
          name: describeAssertion(assertion),
          by: breach === null ? null : describeDecider(breach.by),
        }));
        return view('firewall/assertions', { title: text.assertions.title, text, rows });
      },
    },
    { method: 'GET', path: `${ROOT}/new`, permission, handle: () => form({ values: { expectation: 'not-reach', protocol: 'any' }, errors: {} }) },
    {
      method: 'POST',
      path: ROOT,
      permission,
      handle({ actor, form: given, session }) {
        const input = readForm(newAssertion, given, NAMES);
        const user = given.get('user') ?? '';
        return orShowAgain(
          async () => {
            await assertions.create(actor, { ...input, userId: await userNamed(db, user) });
            session.flash('success', text.assertions.created);
            return redirect(ROOT);
          },
          (errors) => form({ values: { ...input, user }, errors }),
        );
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id/delete`,
      permission,
      async handle({ actor, params }) {
        const assertion = await assertions.get(actor, params['id'] ?? '');
        const question = text.assertions.deleteAsk(describeAssertion(assertion));
        return view('core/confirm', {
          title: text.assertions.title,
          question,
          label: 'Delete',
          action: `${ROOT}/${assertion.id}/delete`,
          back: ROOT,
          makesKey: false,
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/delete`,
      permission,
      async handle({ actor, params, session }) {
        await assertions.remove(actor, params['id'] ?? '');
        session.flash('success', text.assertions.deleted);
        return redirect(ROOT);
      },
    },
  ];
}
