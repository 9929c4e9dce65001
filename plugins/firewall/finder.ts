import type { Finder, Host } from '#core';
import { listRules } from './store.ts';
import { describeRule, text } from './text.ts';

/** Rules by comment, destination, ports or user. */
export function ruleFinder({ db }: Pick<Host, 'db'>): Finder {
  return {
    title: text.allRules,
    permission: 'rules.manage',
    async find(_, q, limit) {
      if (q === '') return [];
      const { items } = await listRules(db, { q, limit });
      return items.map((rule) => ({ label: rule.comment || describeRule(rule), detail: rule.userEmail ?? text.everyone, path: `/admin/rules/${rule.id}` }));
    },
  };
}
