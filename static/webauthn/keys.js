// Asks the browser for a key, and sends what it has made or signed with the form.
import { browserSupportsWebAuthn, startAuthentication, startRegistration } from '@simplewebauthn/browser';

const form = document.querySelector('[data-key]');
const button = form.querySelector('[type=submit]');
const place = form.querySelector('[data-problem]');
const problems = JSON.parse(form.dataset.problems);
const start = form.dataset.key === 'make' ? startRegistration : startAuthentication;

function complain(message) {
  place.textContent = message;
  place.hidden = false;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  place.hidden = true;
  button.disabled = true;
  try {
    form.elements.response.value = JSON.stringify(await start({ optionsJSON: JSON.parse(form.dataset.options) }));
    form.submit();
  } catch (error) {
    complain(problems[error.name] ?? problems.other);
    button.disabled = false;
  }
});

if (browserSupportsWebAuthn()) {
  button.hidden = false;
  if ('atOnce' in form.dataset) form.requestSubmit();
} else complain(problems.unsupported);
