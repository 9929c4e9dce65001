import type { Setup } from '../accounts/setup.ts';
import type { SignIn } from '../accounts/sign-in.ts';
import { NotFound } from '../errors.ts';
import { type FormState, field, otherErrors } from '../http/fields.ts';
import { orShowAgain } from '../http/forms.ts';
import { type Reply, type Route, redirect, view } from '../http/route.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import { en } from '../text/en.ts';

interface SetupPageParts {
  readonly setup: Setup;
  readonly signIn: SignIn;
  readonly settings: Settings;
  readonly sections: CoreSections;
}

/** The first run: whoever reads the console makes the first administrator. */
export function setupPages({ setup, signIn, settings, sections }: SetupPageParts): readonly Route[] {
  async function refuseWhenDone(): Promise<void> {
    if (!(await setup.isNeeded())) throw new NotFound(en.setup.gone);
  }

  return [
    {
      method: 'GET',
      path: '/setup',
      permission: 'public',
      async handle() {
        await refuseWhenDone();
        const { endpoint } = await settings.read(sections.client);
        const { ipv4Network, ipv6Network } = await settings.read(sections.network);
        return form({ values: { endpoint, ipv4Network, ipv6Network }, errors: {} });
      },
    },
    {
      method: 'POST',
      path: '/setup',
      permission: 'public',
      async handle({ form: given, ip, session }) {
        await refuseWhenDone();
        const values = Object.fromEntries(['code', 'email', 'password', 'endpoint', 'ipv4Network', 'ipv6Network'].map((name) => [name, given.get(name) ?? '']));
        const input = { ...values, ipv4Network: values['ipv4Network'] || null, ipv6Network: values['ipv6Network'] || null };
        return orShowAgain(
          async () => {
            const admin = await setup.complete(input, ip);
            await signIn.prove({ ip, session }, admin.id, 'local');
            session.flash('success', en.setup.done);
            return redirect('/devices/new');
          },
          (errors) => form({ values, errors }),
        );
      },
    },
  ];
}

function form(state: FormState): Reply {
  const text = en.setup;
  const fields = [
    field(state, 'code', text.code, { help: text.codeHelp, isRequired: true }),
    field(state, 'email', text.email, { kind: 'email', isRequired: true, autocomplete: 'username' }),
    field(state, 'password', text.password, { kind: 'password', help: text.passwordHelp, isRequired: true, autocomplete: 'new-password' }),
    field(state, 'endpoint', text.endpoint, { help: text.endpointHelp, isRequired: true }),
    field(state, 'ipv4Network', text.ipv4Network, { help: text.networkHelp }),
    field(state, 'ipv6Network', text.ipv6Network, { help: text.networkHelp }),
  ];
  return view('core/setup', { title: text.title, fields, problems: otherErrors(state.errors, fields) });
}
