import type { ADMIN, TestApp } from './app.ts';

/** The REST API as a script with a token of somebody's uses it. */
export interface TestApi {
  readonly token: string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
}

interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of the answer.
  readonly body: any;
}

/** With no token the calls are those of nobody. */
export function apiWith(box: Pick<TestApp, 'url'>, token: string): TestApi {
  return {
    token,
    async call(method, path, body, headers = {}) {
      const given = {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      };
      const response = await fetch(`${box.url}/api/v0${path}`, { method, headers: given, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
    },
  };
}

/** Posts a form with a file in its last field, as `curl --form` does. */
export async function uploadTo(
  box: Pick<TestApp, 'url'>,
  { token }: TestApi,
  path: string,
  fields: Readonly<Record<string, string | Blob>>,
): Promise<ApiAnswer> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = await fetch(`${box.url}/api/v0${path}`, { method: 'POST', headers: token ? { authorization: `Bearer ${token}` } : {}, body: form });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

/** Signs in, makes a token on the account page, and calls with it. */
export async function apiOf(box: TestApp, who?: typeof ADMIN, days = '30', name = `token ${Math.random()}`): Promise<TestApi> {
  const browser = await box.signedIn(who);
  const answer = await browser.post('/account/tokens', { name, days });
  return apiWith(box, /wg_[A-Za-z0-9_-]{43}/.exec(answer.text)?.[0] ?? '');
}
