// The redirect URI follows what is typed, so that it can be registered before the provider is saved.

const uri = document.querySelector('#redirect-uri');
const id = document.querySelector('#field-id');
const slash = document.querySelector('#field-trailingSlash');
const [before, after] = uri.textContent.split('<id>');

function show() {
  const middle = after === undefined ? before : before + (id.value || '<id>') + after;
  uri.textContent = middle.replace(/\/$/, '') + (slash.checked ? '/' : '');
}

id?.addEventListener('input', show);
slash.addEventListener('change', show);
show();
