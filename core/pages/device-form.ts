import type { z } from 'zod';
import { ADMIN_FIELDS, OVERRIDES } from '../devices/schema.ts';
import { type FormField, type FormState, field, otherErrors } from '../http/fields.ts';
import { readForm } from '../http/forms.ts';
import { en } from '../text/en.ts';

interface DeviceFormOptions {
  readonly defaults: Readonly<Record<string, string>>;
  readonly mayOverride: (name: (typeof OVERRIDES)[number][1]) => boolean;
  readonly mayManage: boolean;
}

export interface DeviceForm {
  readonly basic: readonly FormField[];
  readonly overrides: readonly { readonly flag: string; readonly isDefault: boolean; readonly defaultText: string; readonly field: FormField }[];
  readonly admin: readonly FormField[];
  readonly publicKey: FormField;
  readonly userId: string;
  readonly problems: readonly string[];
  readonly hasAdvancedErrors: boolean;
}

const text = en.devices;
const KINDS = { endpoint: 'text', dns: 'list', allowedIps: 'list', mtu: 'number', persistentKeepalive: 'number' } as const;

/** The form of a device, for those who may set what it shows. */
export function deviceForm({ defaults, mayOverride, mayManage }: DeviceFormOptions, state: FormState): DeviceForm {
  const basic = [
    field(state, 'name', text.name, { help: text.nameHelp, isRequired: true }),
    field(state, 'description', text.description, { kind: 'prose', help: en.common.optional }),
  ];
  const overrides = OVERRIDES.filter(([, name]) => mayOverride(name)).map(([flag, name]) => ({
    flag,
    isDefault: state.values[flag] !== false,
    defaultText: defaults[name] ?? '',
    field: field(state, name, text.fields[name].label, { help: text.fields[name].help, kind: KINDS[name] }),
  }));
  const admin = [
    field(state, 'allowedSubnets', text.allowedSubnets, { kind: 'list', help: text.allowedSubnetsHelp }),
    field(state, 'expiresAt', text.expiresAt, { kind: 'moment', help: text.expiresHelp }),
  ];
  const publicKey = field(state, 'publicKey', text.publicKey, { help: text.keyHelp });
  const shown = { overrides, admin: mayManage ? admin : [] };
  const advanced = [...shown.overrides.map((override) => override.field), ...shown.admin, publicKey];
  return {
    ...shown,
    basic,
    publicKey,
    userId: String(state.values['userId'] ?? ''),
    problems: otherErrors(state.errors, [...basic, ...advanced]),
    hasAdvancedErrors: advanced.some(({ errors }) => errors.length > 0),
  };
}

/** What a submitted form says: an override's value counts only while its default is off. */
export function readDeviceForm(schema: z.ZodObject, form: URLSearchParams, mayManage: boolean): Record<string, unknown> {
  const offered = form.getAll('overrides');
  const overrides = OVERRIDES.filter(([, name]) => offered.includes(name)).flatMap(([flag, name]) => (form.has(flag) ? [flag] : [flag, name]));
  const admin = mayManage && form.has('expiresAt') ? ADMIN_FIELDS : [];
  const optional = ['publicKey', 'userId'].filter((name) => form.get(name));
  return readForm(schema, form, ['name', 'description', ...overrides, ...admin, ...optional]);
}
