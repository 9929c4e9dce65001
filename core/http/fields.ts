import type { FieldErrors } from '../errors.ts';

/** One field of a form as `core/_field` draws it. */
export interface FormField {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly kind: 'text' | 'email' | 'password' | 'number' | 'list' | 'flag' | 'choice' | 'prose' | 'moment';
  readonly value: string;
  readonly isOn: boolean;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly errors: readonly string[];
  readonly isRequired: boolean;
  readonly autocomplete: string;
}

type FieldOptions = Partial<Omit<FormField, 'name' | 'label' | 'errors' | 'value' | 'isOn'>>;

/** A form being filled in: what stands in it and what is wrong with it. */
export interface FormState {
  /** What was submitted, or else the present values. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly errors: FieldErrors;
}

export function field(state: FormState, name: string, label: string, options: FieldOptions = {}): FormField {
  const value = state.values[name];
  const plain = { help: '', kind: 'text', choices: [], isRequired: false, autocomplete: 'off' } as const;
  return { ...plain, ...options, name, label, value: options.kind === 'password' ? '' : asText(value), isOn: value === true, errors: state.errors[name] ?? [] };
}

/** Problems that belong to no field of the form, so that none goes unseen. */
export function otherErrors(errors: FieldErrors, shown: readonly FormField[]): readonly string[] {
  const names = new Set(shown.map(({ name }) => name));
  return Object.entries(errors).flatMap(([name, messages]) =>
    names.has(name) ? [] : messages.map((message) => (name === '' ? message : `${name} ${message}`)),
  );
}

function asText(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  if (Array.isArray(value)) return value.join(', ');
  // datetime-local takes no zone; the label says UTC.
  return value instanceof Date ? value.toISOString().slice(0, 16) : String(value);
}
