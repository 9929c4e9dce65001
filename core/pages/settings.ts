import type { z } from 'zod';
import { NotFound } from '../errors.ts';
import { type FormField, type FormState, field, otherErrors } from '../http/fields.ts';
import { kindOf } from '../http/forms.ts';
import { type NavItem, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { Section } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import { en } from '../text/en.ts';
import { keptSecret, saveSection } from './section-form.ts';

const ROOT = '/admin/settings';

/** A tab for each section. */
export function settingsNav(sections: readonly Section[]): readonly NavItem[] {
  return sections.map(({ id, text }) => ({ label: text.title, path: `${ROOT}/${id}`, icon: 'settings', permission: 'settings.manage', group: 'settings' }));
}

interface SettingsPageParts {
  readonly settings: Settings;
  /** Core's sections and those of running plugins. */
  readonly sections: () => readonly Section[];
}

/** One page a section, drawn from the section's schema. */
export function settingsPages({ settings, sections }: SettingsPageParts): readonly Route[] {
  function find(id: string | undefined): Section {
    const section = sections().find((candidate) => candidate.id === id);
    if (!section) throw new NotFound(en.errors.notFound);
    return section;
  }

  async function show(section: Section, state: FormState): Promise<Reply> {
    const present: Readonly<Record<string, unknown>> = await settings.read(section);
    const fields = Object.entries(section.schema.shape).flatMap(([name, schema]) => {
      const drawn = fieldOf(section, state, name, schema as z.ZodType);
      return drawn.kind === 'password' && present[name] !== null ? keptSecret(state, drawn) : [drawn];
    });
    return view('core/settings', {
      title: section.text.title,
      lead: section.text.lead,
      action: `${ROOT}/${section.id}`,
      link: section.text.link,
      fields,
      problems: otherErrors(state.errors, fields),
    });
  }

  return [
    { method: 'GET', path: ROOT, permission: 'settings.manage', handle: () => redirect(`${ROOT}/${sections()[0]?.id}`) },
    {
      method: 'GET',
      path: `${ROOT}/:section`,
      permission: 'settings.manage',
      async handle({ params }) {
        const section = find(params['section']);
        return show(section, { values: await settings.read(section), errors: {} });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:section`,
      permission: 'settings.manage',
      handle(request) {
        const section = find(request.params['section']);
        return saveSection(settings, section, request, (state) => show(section, state));
      },
    },
  ];
}

function fieldOf(section: Section, state: FormState, name: string, schema: z.ZodType): FormField {
  const { kind, choices, isNullable } = kindOf(schema);
  const { label = name, help = '' } = section.text.fields[name] ?? {};
  const labels = section.text.choices?.[name] ?? {};
  return field(state, name, label, {
    help,
    kind: kind === 'secret' ? 'password' : kind,
    // Keeps browsers from filling in the password of whoever sits there.
    autocomplete: kind === 'secret' ? 'new-password' : 'off',
    choices: choices.map((value) => ({ value, label: labels[value] ?? value })),
    isRequired: kind === 'number' || (kind === 'text' && !isNullable),
  });
}
