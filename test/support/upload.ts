import { request } from 'node:http';
import type { TestApi } from './api.ts';
import type { TestApp, TestBrowser } from './app.ts';
import { until } from './wait.ts';

/** Posts a multipart form with one file, as the browser's own form does. */
export async function uploadAs(box: TestApp, browser: TestBrowser, path: string, field: string, content: string | Uint8Array<ArrayBuffer>, fileName = 'file') {
  const form = new FormData();
  form.set(field, new Blob([content]), fileName);
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(box.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie },
    body: form,
  });
  return { status: response.status, text: await response.text() };
}

/** Brings a file to the API as browsers do, which read no answer before all is sent; answers the status. */
export async function uploadWhole(
  box: Pick<TestApp, 'url'>,
  { token }: TestApi,
  path: string,
  field: string,
  content: Buffer,
  fields: Readonly<Record<string, string>> = {},
): Promise<number> {
  const before = Object.entries(fields).map(([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  const head = `${before.join('')}--b\r\ncontent-disposition: form-data; name="${field}"; filename="x"\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')]);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b', 'content-length': body.length };
  const sending = request(`${box.url}/api/v0${path}`, { method: 'POST', headers });
  let status = 0;
  let isSent = false;
  sending.on('response', (response) => (status = response.resume().statusCode ?? 0)).on('finish', () => (isSent = true));
  sending.on('error', () => {});
  sending.end(body);
  await until('all is sent, and answered', () => isSent && status !== 0, 15_000).finally(() => sending.destroy());
  return status;
}
