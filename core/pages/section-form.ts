import { type FormField, type FormState, field } from '../http/fields.ts';
import { orShowAgain, readForm } from '../http/forms.ts';
import { type PageRequest, type Reply, redirect } from '../http/route.ts';
import { secretFields } from '../settings/secret-fields.ts';
import type { Section } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import { en } from '../text/en.ts';

/** Saves a section of settings from its form; what is wrong is shown by the page that the form stands on. */
export function saveSection(
  settings: Settings,
  section: Section,
  { actor, form, session }: Pick<PageRequest, 'actor' | 'form' | 'session'>,
  again: (state: FormState) => Promise<Reply>,
): Promise<Reply> {
  const input = readSection(section, form);
  return orShowAgain(
    async () => {
      await settings.update(actor, section, input);
      session.flash('success', en.settings.saved);
      return redirect(`/admin/settings/${section.id}`);
    },
    (errors) => again({ values: input, errors }),
  );
}

/** A secret that is set is not shown: a new one may be typed, or the box checked that removes it. */
export function keptSecret(state: FormState, drawn: FormField): readonly FormField[] {
  const removal = removalOf(drawn.name);
  const values = { [removal]: state.values[drawn.name] === null };
  return [{ ...drawn, help: en.settings.secretKept }, field({ values, errors: {} }, removal, en.settings.secretRemove(drawn.label), { kind: 'flag' })];
}

/** An empty secret means the one that is set, unless it is to be removed. */
function readSection({ schema }: Section, form: URLSearchParams): Readonly<Record<string, unknown>> {
  const untouched = secretFields(schema).filter((name) => !form.get(name) && !form.has(removalOf(name)));
  return Object.fromEntries(Object.entries(readForm(schema, form)).filter(([name]) => !untouched.includes(name)));
}

function removalOf(name: string): string {
  return `${name}-removal`;
}
