import type { Readable } from 'node:stream';
import type { Actor, Permission } from '../accounts/permissions.ts';
import type { Flash, SessionData } from '../accounts/session-data.ts';
import type { Upload } from './upload.ts';

/** A request as a page or API operation sees it. */
export interface PageRequest {
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  /** The parsed JSON body; undefined when there was none. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The path asked for, with its query. */
  readonly url: string;
  readonly ip: string;
  /** Scheme, host and port of WG_EXTERNAL_URL: the only source of absolute links. */
  readonly origin: string;
  readonly session: RequestSession;
  /** The file that a multipart form brings in this field. Throws InvalidInput when there is none, TooLarge when it is larger. */
  upload(field: string, largestBytes: number): Promise<Upload>;
}

/** The browser's session. Pages read it and leave a message; only core's sign-in begins and ends one. */
export interface RequestSession {
  readonly data: Readonly<SessionData>;
  /** SHA-256 of its id, or null while there is none. */
  readonly hash: string | null;
  /** Gives the browser a new id with this data (OWASP: a new id at each change of privilege). */
  begin(data: SessionData): Promise<void>;
  end(): void;
  /** A message for the next page, with a button to undo where that is possible. */
  flash(kind: Flash['kind'], message: string, undo?: Flash['undo']): void;
  /** Keeps something on the server for this browser alone: a state, a challenge. */
  hold(kind: string, data: unknown, forMs: number): Promise<void>;
  /** What was held, once; null when there is nothing, or it is too old. */
  take(kind: string): Promise<unknown>;
}

export type Reply =
  | { readonly kind: 'view'; readonly template: string; readonly model: object; readonly status: number }
  | { readonly kind: 'redirect'; readonly to: string }
  | { readonly kind: 'departure'; readonly to: URL }
  | { readonly kind: 'json'; readonly body: unknown; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'download'; readonly fileName: string; readonly type: string; readonly body: string | Buffer }
  /** A body that is neither a page nor JSON. */
  | {
      readonly kind: 'raw';
      readonly type: string;
      readonly body: string | Buffer | Readable;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** What the actor needs; `public` is said on purpose, and a route that names nothing does not mount. */
  readonly permission: Permission | 'public';
  /** Session cookies for pages; bearer tokens alone for APIs, so that no other site can use them. */
  readonly auth?: 'session' | 'bearer';
  /** Other sites may make a browser send this, as an identity provider does with its answer (then no cookie comes with it). */
  readonly isOpenToOtherSites?: true;
  /** It changes how somebody signs in: a sign-in within the last minutes is needed, not a cookie alone. */
  readonly needsFreshProof?: true;
  handle(request: PageRequest): Promise<Reply> | Reply;
}

/** A place in the navigation, shown to those who have the permission. */
export interface NavItem {
  readonly label: string;
  readonly path: string;
  readonly icon: string;
  readonly permission: Permission;
  /** `settings`: a tab of the settings pages. */
  readonly group: 'own' | 'admin' | 'settings';
  /** Shows how many notifications are unread. */
  readonly hasBadge?: true;
}

/** A page: an Eta template and its view model. */
export function view(template: string, model: object = {}, status = 200): Reply {
  return { kind: 'view', template, model, status };
}

/** 303 See Other to a local path (RFC 9110 §15.4.4). */
export function redirect(to: string): Reply {
  return { kind: 'redirect', to };
}

/** 303 See Other to another site: an identity provider that an administrator has entered, never what a visitor asks for. */
export function leaveFor(to: URL): Reply {
  return { kind: 'departure', to };
}

export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { kind: 'json', body, status, headers };
}

export function download(fileName: string, type: string, body: string | Buffer): Reply {
  return { kind: 'download', fileName, type, body };
}

/** A body that is neither a page nor JSON, and may come bit by bit: an export, live events, a picture. */
export function raw(type: string, body: string | Buffer | Readable, headers: Readonly<Record<string, string>> = {}): Reply {
  return { kind: 'raw', type, body, headers };
}

/** Only a path of this site: anything that a browser could read as another host becomes the start page. */
export function localPath(path: string | null | undefined): string {
  if (!path || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(path)) return '/';
  return path;
}
