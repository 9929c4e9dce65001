/** Problems by field: `{ email: ['is taken'] }`. The empty string holds what concerns the whole input. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

interface AppErrorOptions {
  readonly cause?: unknown;
  /** For the log only; never shown. */
  readonly detail?: unknown;
  /** Of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The root of everything thrown on purpose: a stable code, an HTTP status and a message a person may read. */
export abstract class AppError extends Error {
  abstract readonly code: string;
  abstract readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}

/** The caller's input breaks a rule; `fields` says which and why. */
export class InvalidInput extends AppError {
  readonly code = 'invalid_input';
  readonly status = 422;
  readonly fields: FieldErrors;

  constructor(fields: FieldErrors, options?: AppErrorOptions) {
    super(describeFields(fields), options);
    this.fields = fields;
  }
}

/** Nobody is signed in, or the credentials are wrong. */
export class Unauthenticated extends AppError {
  readonly code = 'unauthenticated';
  readonly status = 401;
}

/** Somebody is signed in but may not do this. */
export class Forbidden extends AppError {
  readonly code = 'forbidden';
  readonly status = 403;
}

/** Who is signed in must prove anew who they are before they do this; pages lead through a sign-in and back. */
export class ProofNeeded extends AppError {
  readonly code = 'proof_needed';
  readonly status = 403;
}

/** There is no such thing, or the caller may not know of it. */
export class NotFound extends AppError {
  readonly code = 'not_found';
  readonly status = 404;
}

/** The request is sound but the present state forbids it. */
export class Conflict extends AppError {
  readonly code = 'conflict';
  readonly status = 409;
}

/** What the caller wants to change is not as they have seen it (RFC 9110 §15.5.13). */
export class PreconditionFailed extends AppError {
  readonly code = 'precondition_failed';
  readonly status = 412;
}

/** The request has more bytes than anything here needs. */
export class TooLarge extends AppError {
  readonly code = 'too_large';
  readonly status = 413;
}

/** Too many attempts; Retry-After says when to come back. */
export class TooManyRequests extends AppError {
  readonly code = 'too_many_requests';
  readonly status = 429;

  constructor(message: string, retryAfterSeconds: number, options: AppErrorOptions = {}) {
    super(message, { ...options, headers: { 'Retry-After': String(retryAfterSeconds), ...options.headers } });
  }
}

/** Something this needs is not there just now (a program, the data plane, another server). */
export class Unavailable extends AppError {
  readonly code = 'unavailable';
  readonly status = 503;
}

/** The kernel refused what the database says should be. */
export class ApplyFailed extends AppError {
  readonly code = 'apply_failed';
  readonly status = 500;
}

/** The message of anything thrown, for logs and status lines. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeFields(fields: FieldErrors): string {
  return Object.entries(fields)
    .map(([field, messages]) => (field === '' ? messages.join(', ') : `${field}: ${messages.join(', ')}`))
    .join('; ');
}
