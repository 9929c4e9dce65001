// Rules are dragged to another place among those of the same user. Without scripts, and by keyboard, the arrows do the same.

let dragged = null;

const ruleAt = (event) => event.target.closest?.('[data-rule]');
const canDropOn = (rule) => dragged && rule && rule !== dragged && rule.dataset.scope === dragged.dataset.scope;

document.addEventListener('pointerdown', (event) => {
  const rule = ruleAt(event);
  if (rule) rule.draggable = event.target.closest('.rule-handle') !== null;
});

document.addEventListener('dragstart', (event) => {
  dragged = ruleAt(event);
});

document.addEventListener('dragover', (event) => {
  const rule = ruleAt(event);
  if (!canDropOn(rule)) return;
  event.preventDefault();
  const box = rule.getBoundingClientRect();
  const isBelow = event.clientY > box.top + box.height / 2;
  rule[isBelow ? 'after' : 'before'](dragged);
});

document.addEventListener('drop', (event) => event.preventDefault());

document.addEventListener('dragend', () => {
  if (!dragged) return;
  const following = dragged.nextElementSibling;
  const form = dragged.querySelector('form[action$="/position"]');
  const field = document.createElement('input');
  field.type = 'hidden';
  field.name = 'before';
  field.value = following?.dataset.scope === dragged.dataset.scope ? following.dataset.rule : '';
  dragged = null;
  form.append(field);
  form.requestSubmit();
});
