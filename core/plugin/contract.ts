import type { z } from 'zod';
import type { Actor, Permission } from '../accounts/permissions.ts';
import type { SessionData } from '../accounts/session-data.ts';
import type { SecondFactor, SignIn } from '../accounts/sign-in.ts';
import type { User } from '../accounts/store.ts';
import type { Users } from '../accounts/users.ts';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries } from '../db/open.ts';
import type { MovementRecorder } from '../devices/stats.ts';
import type { OwnedDevice } from '../devices/store.ts';
import type { EventBus, EventName, Listener } from '../events/bus.ts';
import type { Certificates } from '../http/certificates.ts';
import type { NavItem, PageRequest, Route } from '../http/route.ts';
import type { Upload } from '../http/upload.ts';
import type { Job, JobState } from '../jobs/jobs.ts';
import type { FragmentKey, Fragments } from '../net/inputs.ts';
import type { NetworkStatus } from '../net/reconcile.ts';
import type { NetworkMap } from '../net/topology.ts';
import type { Section } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Backups } from '../system/backups.ts';
import type { Box } from '../system/box.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Secrets } from '../system/secrets.ts';
import type { Vitals } from '../system/vitals.ts';
import { type Fill, type Slot, slot } from './slots.ts';

/** What a plugin is, before anything of it runs. */
export interface Manifest {
  /** Lower-case letters, digits and dashes; folders, tables and routes bear it. */
  readonly id: string;
  readonly title: string;
  /** One sentence for the plugins page. */
  readonly summary: string;
  /** A section of settings: page, API and validation come from its schema. */
  readonly settings?: Section;
  /** What happens when an administrator switches it off, if that is more than its pages going. */
  readonly whenOff?: string;
}

/** What `setup` returns; core mounts all of it or none. */
export interface Parts {
  /** Evaluated when everything is loaded, so that a page may collect what others contribute. */
  readonly pages?: () => readonly Route[];
  readonly nav?: readonly NavItem[];
  readonly api?: readonly Operation[];
  readonly jobs?: readonly Job[];
  /** Asked for at each sign-in page: providers come and go with the settings. */
  readonly signIn?: () => Promise<readonly SignInMethod[]>;
  readonly secondFactor?: SecondFactor;
  /** The rules this plugin wants in force, all of them or those under the keys given; typed, never text. */
  readonly network?: (keys?: readonly FragmentKey[]) => Promise<Fragments>;
  /** Takes back a provisional change of this plugin; `undo` is what it gave to `host.network.provisionally`. */
  readonly revert?: (tx: Queries, undo: unknown) => Promise<void>;
  readonly on?: { readonly [Name in EventName]?: Listener<Name> };
  readonly fills?: readonly Fill[];
  stop?(): Promise<void>;
}

/** All that a plugin is given. */
export interface Host {
  readonly settings: Settings;
  readonly db: Db;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly events: EventBus;
  readonly signIn: Omit<SignIn, 'withPassword'> & Pick<Users, 'endVpnSession'>;
  readonly network: HostNetwork;
  /** Everything that running plugins have put into the slot, in their order. */
  all<T>(place: Slot<T>): readonly T[];
}

/** What a plugin may know of the network, and ask of it. */
export interface HostNetwork extends NetworkMap {
  /** Something that `network` answers has changed, or only what is under these keys; resolves when it is applied, or has failed. */
  reconcile(keys?: readonly FragmentKey[]): Promise<void>;
  /** In a change's transaction: it is undone after a minute unless confirmed. Throws Conflict while another one waits. */
  provisionally(tx: Queries, actor: Actor, title: string, undo: unknown): Promise<void>;
  /** Throws Conflict while a change of this plugin waits to be confirmed. */
  refuseWhileWaiting(tx: Queries): Promise<void>;
}

/** Carries out operations as the box's owner at the console, or as one of the users; the answer is the operation's body. */
export interface Operate {
  (
    id: string,
    call?: Partial<Pick<OperationCall, 'params' | 'query' | 'body'>> & { readonly fields?: readonly string[]; readonly as?: string },
  ): Promise<unknown>;
  /** Whether it is about one thing that has an id. */
  takesId(id: string): boolean;
}

/** A subcommand of `wiregui`. */
export interface Command {
  /** As commander reads it: `can <user> <address> [service]`. */
  readonly usage: string;
  readonly summary: string;
  /** `answer` is what `--json` prints. */
  run(operate: Operate, args: readonly string[]): Promise<{ readonly answer: unknown; readonly lines: readonly string[]; readonly exitCode: number }>;
}

export interface Plugin {
  readonly manifest: Manifest;
  readonly commands?: readonly Command[];
  setup(host: Host): Promise<Parts> | Parts;
}

/** A way to sign in, shown on the sign-in page. */
export interface SignInMethod {
  /** What `host.signIn.prove` is given as the method: `oidc:google`. */
  readonly id: string;
  readonly label: string;
  /** Where its button leads. */
  readonly path: string;
  readonly icon: string;
}

/** Schema, permission, and the very service function that the page calls; the API plugin serves it and describes it. */
export interface Operation {
  readonly id: string;
  /** What it is about; operations of one tag stand together in the reference. */
  readonly tag: string;
  readonly method: Route['method'];
  /** Below the API's root: `/devices/:id`. */
  readonly path: string;
  readonly permission: Permission;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** The field of a form (multipart/form-data, RFC 7578) that brings a file; the fields of `body` come before it, as text. */
  readonly file?: string;
  /** What is answered, or with `isList` each item of it; absent where nothing is, or something that is no JSON. */
  readonly answer?: z.ZodType;
  /** Answers part of a list: `items`, `total` and `next`. */
  readonly isList?: true;
  /** The answer holds something that is shown once, and must be kept nowhere. */
  readonly answersSecret?: true;
  /** The answer's media type where that is not JSON. */
  readonly type?: string;
  /** 200 when absent. */
  readonly status?: 200 | 201 | 204;
  handle(call: OperationCall): Promise<OperationAnswer>;
}

export interface OperationCall {
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Camel-cased; the service validates it. */
  readonly body: unknown;
  /** Where the operation takes a file and somebody can bring one. Only what `body` names stands in its fields. */
  readonly upload?: (largestBytes: number) => Promise<Upload>;
}

export interface OperationAnswer {
  readonly body?: unknown;
  /** Of lists: how long it is as a whole, and the cursor of what follows. */
  readonly total?: number;
  readonly next?: string | null;
}

/** Who a token speaks for, and what every answer to them says. */
export type Bearer = Actor & { readonly headers?: Readonly<Record<string, string>> };

/** Turns a bearer token into who it speaks for, or null. */
export type BearerAuthenticator = (token: string, ip: string) => Promise<Bearer | null>;
export const bearerSlot = slot<BearerAuthenticator>('http.bearer');
export const operationSlot = slot<Operation>('api.operation');
export const signInSlot = slot<() => Promise<readonly SignInMethod[]>>('sign-in.methods');
export const secondFactorSlot = slot<SecondFactor>('sign-in.second-factor');

/** Where somebody who has just signed out goes on, by what their session was; null where the plugin has nothing to say. */
export type AfterSignOut = (was: Readonly<SessionData>) => Promise<string | null>;
export const afterSignOutSlot = slot<AfterSignOut>('sign-in.after-sign-out');

/** A card on a page about something. */
export interface Panel<Subject> {
  readonly template: string;
  /** Null: no card for this one. */
  model(request: PageRequest, subject: Subject): Promise<object | null>;
}
export const accountPanelSlot = slot<Panel<User>>('account.panel');
/** On the administrators' page of a user. */
export const userPanelSlot = slot<Panel<User>>('user.panel');
/** On the page of a device, also its owner's. */
export const devicePanelSlot = slot<Panel<OwnedDevice>>('device.panel');
export const dashboardPanelSlot = slot<Panel<null>>('dashboard.panel');
export const diagnosticsPanelSlot = slot<Panel<null>>('diagnostics.panel');

export const movementSlot = slot<MovementRecorder>('devices.movement');

/** How the box is, for those who watch over it; core fills the slot. */
export interface BoxState {
  network(): NetworkStatus;
  /** Foreign changes repaired since the service began. */
  driftCount(): number;
  jobs(): readonly JobState[];
  plugins(): readonly { readonly id: string; readonly state: string }[];
  /** Measures the process until `stop`. */
  vitals(): Vitals;
}
export const boxStateSlot = slot<BoxState>('box.state');

/** The certificate that this box shows; filled by core where it serves https itself. */
export const certificatesSlot = slot<Certificates>('http.certificates');

/** The appliance around the service; core fills the slot where there is one. */
export const boxSlot = slot<Box>('box.door');

/** Archives of the box's own database and keys, and the places they go to; core fills the slot. */
export const backupsSlot = slot<Backups>('box.backups');

/** What the product is called on this box, and how it looks. */
export interface Brand {
  readonly name: string;
  /** The path of the logo, or null for the product's own. */
  readonly logo: string | null;
  /** Shown above the sign-in form. */
  readonly signInMessage: string | null;
}
export const brandSlot = slot<() => Promise<Brand>>('look.brand');

/** Providers that the file WG_IDP_CONFIG_FILE wants to be there, by the plugin they are for: `{ oidc: […], saml: […] }`. */
export const providerSeedSlot = slot<Readonly<Record<string, unknown>>>('sign-in.provider-seed');

/** Scheme, host and port of WG_EXTERNAL_URL, for links in what is no answer to a request. */
export const originSlot = slot<string>('http.origin');

export interface Mail {
  readonly to: string;
  readonly subject: string;
  /** Plain text, lines of any length. */
  readonly text: string;
}

/** Sends mail; the plugin that knows the mail server fills the slot. */
export interface Mailer {
  /** Whether a server is set, so that features that need mail can be offered. */
  isReady(): Promise<boolean>;
  /** Resolves when the server has taken the mail. Throws Unavailable, saying what the server said. */
  send(mail: Mail): Promise<void>;
}
export const mailerSlot = slot<Mailer>('mail.sender');
