import type { PageRequest } from '../http/route.ts';
import type { Panel } from '../plugin/contract.ts';

export interface ShownPanel {
  readonly template: string;
  readonly model: object;
}

/** What others contribute to a page about something, as its template includes it. */
export async function showPanels<Subject>(panels: readonly Panel<Subject>[], request: PageRequest, subject: Subject): Promise<readonly ShownPanel[]> {
  const shown = await Promise.all(panels.map(async (panel) => ({ template: panel.template, model: await panel.model(request, subject) })));
  return shown.flatMap(({ template, model }) => (model === null ? [] : [{ template, model }]));
}
