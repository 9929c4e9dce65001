import type { TestApp, TestBrowser } from './app.ts';

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
