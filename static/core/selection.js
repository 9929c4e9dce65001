// Ticking every row of a list, and saying how many are ticked. Without scripts rows are ticked one by one.

const boxes = () => [...document.querySelectorAll('[data-select]')];

export function showSelection() {
  const all = document.querySelector('[data-select-all]');
  if (!all) return;
  const ticked = boxes().filter((box) => box.checked).length;
  const input = all.querySelector('input');
  all.hidden = false;
  input.checked = ticked > 0 && ticked === boxes().length;
  input.indeterminate = ticked > 0 && !input.checked;
  const count = document.querySelector('[data-select-count]');
  count.textContent = ticked > 0 ? `${ticked} ${count.dataset.selectCount}` : '';
}

document.addEventListener('change', (event) => {
  if (event.target.closest?.('[data-select-all]')) for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.closest?.('[data-select-all], [data-select]')) showSelection();
});
