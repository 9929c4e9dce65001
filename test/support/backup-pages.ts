import type { TestApp, TestBrowser } from './app.ts';

/** Chooses an archive on the backup page, with a passphrase when it is encrypted. */
export async function uploadBackup(box: Pick<TestApp, 'url'>, browser: TestBrowser, archive: Uint8Array<ArrayBuffer>, passphrase = '') {
  const form = new FormData();
  form.set('archivePassphrase', passphrase);
  form.set('archive', new Blob([archive]), 'backup.tar.gz');
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(`${box.url}/admin/settings/backup/restore`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie },
    body: form,
  });
  return { status: response.status, location: response.headers.get('location') ?? '', text: await response.text() };
}

/** Asks for a download as the page's form does. */
export async function downloadBackup(box: Pick<TestApp, 'url'>, browser: TestBrowser, passphrase = '', again = passphrase) {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(`${box.url}/admin/settings/backup/download`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie },
    body: new URLSearchParams({ newPassphrase: passphrase, again }),
  });
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}
