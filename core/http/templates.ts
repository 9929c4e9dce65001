import { pathToFileURL } from 'node:url';
import { Eta } from 'eta/core';

/** Renders a template by its name (`core/login`); what it prints is escaped. */
export type RenderTemplate = (name: string, data: object) => string;

type Templates = Readonly<Record<string, (this: Eta, data?: object) => string>>;

/**
 * Loads the templates that the build compiled to functions. A template includes another as
 * `<%~ include('core/_icon', { name: 'x' }) %>`, which sees the includer's data too, and stands inside
 * `<% layout('core/layout') %>`.
 */
export async function loadTemplates(file: string): Promise<RenderTemplate> {
  const { views } = (await import(pathToFileURL(file).href)) as { readonly views: Templates };
  const eta = new Eta({ varName: 'it', autoEscape: true, cache: true });
  for (const [name, template] of Object.entries(views)) eta.loadTemplate(name, template);
  return (name, data) => {
    if (!(name in views)) throw new Error(`there is no template ${name}`);
    try {
      return eta.render(name, data);
    } catch (cause) {
      throw new Error(`cannot render ${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };
}
