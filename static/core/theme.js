// Runs before the first paint, so that nobody in the dark is flashed by a white page.
const root = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const apply = () => {
  const theme = root.dataset.theme;
  root.dataset.bsTheme = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme;
};
apply();
dark.addEventListener('change', apply);
