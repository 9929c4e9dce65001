import { type Actor, field, type Host, orShowAgain, type PageRequest, qrCode, type Reply, type Route, readForm, redirect, view } from '#core';
import { newSecret, uriOf } from './codes.ts';
import { type Methods, newMethod } from './methods.ts';
import { text } from './text.ts';

type FormState = Parameters<typeof field>[0];

const HELD = 'totp';
const HELD_FOR_MS = 15 * 60_000;

/** Adding an app: for whoever is signed in, and for one whose sign-in waits because a second factor is required. */
export function enrolPages({ signIn, secrets }: Pick<Host, 'signIn' | 'secrets'>, methods: Methods, path: string): readonly Route[] {
  /** The secret that waits for its code stays on the server, sealed; nothing the browser sends chooses it. */
  const hold = ({ session }: PageRequest, secret: string) => session.hold(HELD, secrets.seal(secret), HELD_FOR_MS);
  async function heldSecret({ session }: PageRequest): Promise<string | null> {
    const sealed = await session.take(HELD);
    return sealed === null ? null : secrets.open(sealed as Parameters<typeof secrets.open>[0]);
  }

  /** Also after a reload: phones reload a page that is come back to from the app. */
  async function show(request: PageRequest, { name }: Actor, held: string | null, state: FormState, notice: string | null = null): Promise<Reply> {
    const secret = held ?? newSecret();
    await hold(request, secret);
    const uri = uriOf(secret, name, text.issuer);
    return view('totp/enrol', {
      title: text.enrol.title,
      text: text.enrol,
      action: path,
      notice,
      uri,
      qr: await qrCode(uri),
      groups: secret.match(/.{1,4}/g),
      fields: [field(state, 'name', text.enrol.name, { help: text.enrol.nameHelp, isRequired: true })],
      code: field(state, 'code', text.enrol.code),
    });
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'public',
      async handle(request) {
        const actor = await signIn.enrolling(request);
        const isFirst = actor.userId !== null && (await methods.list(actor.userId)).length === 0;
        return show(request, actor, await heldSecret(request), { values: { name: isFirst ? text.enrol.firstName : '' }, errors: {} });
      },
    },
    {
      method: 'POST',
      path,
      permission: 'public',
      async handle(request) {
        const actor = await signIn.enrolling(request);
        const input = readForm(newMethod, request.form);
        const again = { name: input['name'] };
        const secret = await heldSecret(request);
        if (secret === null) return show(request, actor, null, { values: again, errors: {} }, text.enrol.expired);
        return orShowAgain(
          async () => {
            const name = await methods.add(actor, secret, input);
            const next = await signIn.enrolled(request);
            request.session.flash('success', text.enrol.added(name));
            return redirect(next);
          },
          (errors) => show(request, actor, secret, { values: again, errors }),
        );
      },
    },
  ];
}
